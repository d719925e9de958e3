"""Every path and its handler."""

from conf.settings import Settings
from handlers import account, callback, profile, signature, system, ugc, vod
from handlers.application import Application
from handlers.base import NotFoundHandler, Routes, log_request
from services import Services

ROUTES: Routes = [
    *account.ROUTES,
    *profile.ROUTES,
    *vod.ROUTES,
    *ugc.ROUTES,
    *signature.ROUTES,
    *callback.ROUTES,
    *system.ROUTES,
]


def make_application(services: Services, conf: Settings) -> Application:
    """The application with all its routes."""
    return Application(
        ROUTES,
        services,
        conf,
        default_handler_class=NotFoundHandler,
        log_function=log_request if conf.log.access else lambda handler: None,
    )
