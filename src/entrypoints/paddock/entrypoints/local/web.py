"""The webhook endpoint behind WSGI."""

from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from paddock.entrypoints.webhook import DELIVERY, EVENT, MAX_BODY, SIGNATURE, Reply, WebhookEndpoint

_ROUTES = Map(
    [
        Rule("/webhook", endpoint="webhook", methods=["POST"]),
        Rule("/health", endpoint="health", methods=["GET"]),
    ]
)


def web_app(webhook: WebhookEndpoint) -> WSGIApplication:
    """The fleet's web application: ``POST /webhook`` for GitHub, ``GET /health`` for whoever watches."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _answer(webhook, Request(environ))(environ, start_response)

    return app


def _answer(webhook: WebhookEndpoint, request: Request) -> Response:
    try:
        endpoint, _ = _ROUTES.bind_to_environ(request.environ).match()
        if endpoint == "health":
            return _text(Reply(HTTPStatus.OK, "ok"))
        request.max_content_length = MAX_BODY
        body, header = request.get_data(cache=False), request.headers.get
        return _text(webhook(body, event=header(EVENT), delivery=header(DELIVERY), signature=header(SIGNATURE)))
    except RequestEntityTooLarge:
        return _text(Reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {MAX_BODY} bytes"))
    except HTTPException as error:
        return _text(Reply(HTTPStatus(error.code or HTTPStatus.BAD_REQUEST), error.name))


def _text(reply: Reply) -> Response:
    return Response(f"{reply.text}\n", status=reply.status, mimetype="text/plain")
