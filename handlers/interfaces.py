"""The handlers of the protocol's interfaces. They are secure by default: an interface without a session says so."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from tornado.web import HTTPError

from handlers.base import BaseHandler
from handlers.cors import PREFLIGHT
from services.errors import Code
from services.validation import P, validate


class InterfaceHandler(BaseHandler):
    """An interface of the apps. Pages of the origins in the settings may call it, too."""

    parameters: ClassVar[type[Any]]

    def clear(self) -> None:
        super().clear()
        cors = self.application.cors
        if cors is not None and (origin := self.request.headers.get("Origin")) is not None:
            self._headers.update(cors.headers(origin))

    async def options(self) -> None:
        """Answer a preflight."""
        if self.application.cors is None:
            raise HTTPError(HTTPStatus.METHOD_NOT_ALLOWED)
        self.set_status(HTTPStatus.NO_CONTENT)
        del self._headers["Content-Type"]
        if "Access-Control-Allow-Origin" in self._headers:
            self._headers.update(PREFLIGHT)
        self.finish()

    def allowed_methods(self) -> list[str]:
        return ["POST"]  # OPTIONS is the browser's own


class UserHandler(InterfaceHandler, Generic[P]):
    """An interface for authenticated callers. Subclasses name their parameters and implement `serve`."""

    async def post(self) -> None:
        userid, parameters = await self.authenticate()
        self.answer(Code.OK, "OK", await self.serve(userid, parameters))

    async def authenticate(self) -> tuple[str, P]:
        """The userid of the caller, and the parameters. Raises INVALID_TOKEN, or the code of a malformed parameter."""
        body = self.body_object()
        self.userid = await self.services.authenticator.identify(self.request.headers, self.request.body, body)
        self.application.work.claim(self, self.userid)
        parameters: P = validate(self.parameters, body)
        return self.userid, parameters

    async def serve(self, userid: str, parameters: P) -> Mapping[str, Any] | None:
        """Serve the caller. Returns the `data` of the answer."""
        raise NotImplementedError


class Named(Protocol):
    """Parameters that name a user."""

    @property
    def userid(self) -> str:
        """The userid of the user."""


N = TypeVar("N", bound=Named)


class PublicHandler(InterfaceHandler, Generic[N]):
    """An interface without a session. Subclasses name their parameters and implement `serve`.

    The access log has the user that the parameters name.
    """

    async def post(self) -> None:
        parameters: N = validate(self.parameters, self.body_object())
        self.userid = parameters.userid
        self.answer(Code.OK, "OK", await self.serve(parameters))

    async def serve(self, parameters: N) -> Mapping[str, Any] | None:
        """Serve the request. Returns the `data` of the answer."""
        raise NotImplementedError
