"""Requests of which a proxy and a server could disagree where they end.

Each is followed by a second request on the same connection, which an attacker would want to have
taken for someone else's. Either the server reads both as every other server does, or it refuses the
first and closes.
"""

from tests.attack.report import Result
from tests.attack.wire import Wire

HOST = b"Host: 127.0.0.1\r\n"
SECOND = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /api/v1/chatbots HTTP/1.1\r\n"
GET = b"GET /api/v1/chatbots HTTP/1.1\r\n"
LENGTH = b"Content-Length: "
CHUNKED = b"Transfer-Encoding: chunked\r\n"

# Of these the first has to be refused, by one answer, and the second may not be answered.
REFUSED = {
    "two lengths": POST + HOST + LENGTH + b"0\r\n" + LENGTH + b"44\r\n\r\n",
    "the same length twice": POST + HOST + LENGTH + b"0\r\n" + LENGTH + b"0\r\n\r\n",
    "lengths in one field": POST + HOST + LENGTH + b"0, 44\r\n\r\n",
    "length and chunks": POST + HOST + LENGTH + b"6\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and length": POST + HOST + CHUNKED + LENGTH + b"6\r\n\r\n0\r\n\r\n",
    "a sign before the length": POST + HOST + LENGTH + b"+0\r\n\r\n",
    "a negative length": POST + HOST + LENGTH + b"-1\r\n\r\n",
    "a length with an underscore": POST + HOST + LENGTH + b"1_0\r\n\r\n",
    "a length in hex": POST + HOST + LENGTH + b"0x0\r\n\r\n",
    "a length in other digits": POST + HOST + LENGTH + "٠".encode() + b"\r\n\r\n",
    "an empty length": POST + HOST + LENGTH + b"\r\n\r\n",
    "a blank before the colon": POST + HOST + b"Content-Length : 0\r\n\r\n",
    "a blank before the name": POST + HOST + b" Content-Length: 0\r\n\r\n",
    "a folded field": POST + HOST + b"A: b\r\n c\r\n\r\n",
    "a folded length": POST + HOST + LENGTH + b"\r\n 0\r\n\r\n",
    "a folded encoding": POST + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": POST + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "encoded twice": POST + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks, then something": POST + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    "an encoding with a quote": POST + HOST + b'Transfer-Encoding: "chunked"\r\n\r\n',
    "an encoding with a tab inside": POST + HOST + b"Transfer-Encoding: chu\tnked\r\n\r\n",
    "a vertical tab": POST + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /api/v1/chatbots HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n",
    "a NUL in a value": GET + HOST + b"A: b\0c\r\n\r\n",
    "a CR in a value": GET + HOST + b"A: b\rLength: 1\r\n\r\n",
    "an LF in a value": GET + HOST + b"A: b\nContent-Length: 44\r\n\r\n",
    "no colon": GET + HOST + b"Nothing\r\n\r\n",
    "no name": GET + HOST + b": nothing\r\n\r\n",
    "a name with a NUL": GET + HOST + b"A\0: b\r\n\r\n",
    "two hosts": GET + HOST + b"Host: evil.example\r\n\r\n",
    "a host that is not ours": GET.replace(b"/api/v1/chatbots", b"/sign-in/")
    + b"Host: evil.example\r\nConnection: close\r\n\r\n",
    "another version": b"GET /api/v1/chatbots HTTP/9.9\r\n" + HOST + b"\r\n",
    "no version": b"GET /api/v1/chatbots\r\n\r\n",
    "a word too many": b"GET /api/v1/chatbots HTTP/1.1 x\r\n" + HOST + b"\r\n",
    "a lower-case method": b"get /api/v1/chatbots HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank in the target": b"GET /api/v1/chatbots x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a chunk without a size": POST + HOST + CHUNKED + b"\r\n;\r\n\r\n",
    "a negative chunk": POST + HOST + CHUNKED + b"\r\n-1\r\n\r\n",
    "a chunk in 0x": POST + HOST + CHUNKED + b"\r\n0x0\r\n\r\n",
    "chunks ended by LF": POST + HOST + CHUNKED + b"\r\n0\n\n",
    "a chunk that is too short": POST + HOST + CHUNKED + b"\r\n2\r\nabcd\r\n0\r\n\r\n",
}
# These are good HTTP: both requests are answered, each once.
ANSWERED = {
    "pipelined": GET + HOST + b"\r\n",
    "a body of the length that it says": POST + HOST + LENGTH + b"2\r\n\r\n{}",
    "a request as the body": POST + HOST + LENGTH + b"%d\r\n\r\n" % len(SECOND) + SECOND,
    "chunks": POST + HOST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks with an extension": POST + HOST + CHUNKED + b"\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "a field that is left out": POST + HOST + b"Content_Length: 44\r\n\r\n",
    "a trailer": POST + HOST + CHUNKED + b"\r\n0\r\nA: b\r\n\r\n",
}


def smuggle(url: str) -> Result:
    result = Result("request smuggling")
    for name, request in REFUSED.items():
        statuses = answers(url, request + SECOND)
        is_refused = len(statuses) == 1 and (400 <= statuses[0] < 500 or statuses[0] == 501)
        note(result, name, statuses, is_expected=is_refused)
    for name, request in ANSWERED.items():
        statuses = answers(url, request + SECOND)
        note(result, name, statuses, is_expected=len(statuses) == 2 and statuses[1] == 200)
    return result


def note(result: Result, name: str, statuses: list[int], *, is_expected: bool) -> None:
    result.cases += 1
    if not is_expected:
        is_error = any(status >= 500 for status in statuses)
        (result.errors if is_error else result.accepted).append(f"{name}: {statuses}")


def answers(url: str, data: bytes) -> list[int]:
    """Return the statuses of all answers on a connection, on which nothing else is sent."""
    statuses: list[int] = []
    with Wire(url) as wire:
        wire.send(data)
        wire.end()
        while True:
            try:
                answer = wire.read()
            except (TimeoutError, ConnectionError):
                return statuses
            if answer is None:
                return statuses
            statuses.append(answer.status)
            if wire.is_closed:
                return statuses
