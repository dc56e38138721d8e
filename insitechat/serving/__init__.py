"""A gunicorn worker that keeps slow clients away from the threads.

Gunicorn's own `gthread` gives a connection to a thread with its first byte. The thread then waits,
without a deadline, for the rest of the request: a few hundred clients that send a byte now and then
stop the service. Here idle threads wait for all clients together, by epoll. One of them reads what
has come, and answers a request when it is here as a whole. A slow client has a socket and a buffer;
all of them together are bounded in number, bytes and seconds, and where a bound is reached, who has
been slow for longest goes first.

No request passes from one thread to another, which would cost more than all the rest here. The
process's main thread accepts clients and keeps the deadlines (worker.py).

Only what cannot be waited for is read by a thread that waits: bodies longer than BODY_BYTES, and
those whose end or permission to come is part of the conversation (chunks, `Expect`). Of those
threads there are a few, and each has a deadline. Likewise only long answers are waited for
(client_socket.py).
"""
