"""The base of every ratio: a plain `aiohttp.web.Application` that answers a constant. Run as a program.

`python plain.py PORT BODY`; it knows no interactions, keeps no ledger and writes no access log.
"""

import sys

from aiohttp import web


def main(port: int, body: bytes) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    web.run_app(application, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2].encode())
