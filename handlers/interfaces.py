"""The handlers of the protocol's interfaces. They are secure by default: an interface without a session says so."""

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from handlers.base import BaseHandler
from services.authentication import Caller
from services.errors import Code
from services.validation import P, validate


class UserHandler(BaseHandler, Generic[P]):
    """An interface for authenticated callers. Subclasses name their parameters and implement `serve`."""

    parameters: ClassVar[type[Any]]

    async def post(self) -> None:
        caller, parameters = await self.authenticate()
        self.answer(Code.OK, "OK", await self.serve(caller, parameters))

    async def authenticate(self) -> tuple[Caller, P]:
        """The caller and the parameters. Raises INVALID_TOKEN, or the code of a malformed parameter."""
        body = self.body_object()
        caller = await self.services.authenticator.identify(self.request.headers, self.request.body, body)
        self.userid = caller.userid
        parameters: P = validate(self.parameters, body)
        return caller, parameters

    async def serve(self, caller: Caller, parameters: P) -> Mapping[str, Any] | None:
        """Serve the caller. Returns the `data` of the answer."""
        raise NotImplementedError


class Named(Protocol):
    """Parameters that name a user."""

    @property
    def userid(self) -> str:
        """The userid of the user."""


N = TypeVar("N", bound=Named)


class PublicHandler(BaseHandler, Generic[N]):
    """An interface without a session. Subclasses name their parameters and implement `serve`.

    The access log has the user that the parameters name.
    """

    parameters: ClassVar[type[Any]]

    async def post(self) -> None:
        parameters: N = validate(self.parameters, self.body_object())
        self.userid = parameters.userid
        self.answer(Code.OK, "OK", await self.serve(parameters))

    async def serve(self, parameters: N) -> Mapping[str, Any] | None:
        """Serve the request. Returns the `data` of the answer."""
        raise NotImplementedError
