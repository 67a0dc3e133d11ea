"""moto's server, one request at a time.

Its DynamoDB looks at a condition and then writes, and rolls a transaction back
by putting the whole table back. The server that comes with it lets threads in
between, which loses a write now and then; DynamoDB does not.

Usage: moto-alone.py HOST PORT (0 takes a free one, which the log names)
"""

import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

alone = threading.Lock()
moto = DomainDispatcherApplication(create_backend_app)


def one_at_a_time(environ, start_response):
    with alone:
        return list(moto(environ, start_response))


host, port = sys.argv[1], int(sys.argv[2])
run_simple(host, port, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
