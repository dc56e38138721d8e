"""Django middleware that has a request work on a connection that is lent to it.

The gate has it too, inside what makes answers of the exceptions that the API's clients may meet.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from chatbots.waiting import lender

Handler = Callable[[HttpRequest], HttpResponse]


def lend_connection(get_response: Handler) -> Handler:
    """Lend this thread a connection to the database for the time of one request.

    Raises OperationalError where none becomes free.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        lent = lender.lend()
        try:
            return get_response(request)
        finally:
            if lent:
                lender.take_back()

    return middleware
