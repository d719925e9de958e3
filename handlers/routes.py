"""Every path and its handler."""

from conf.logs import Lines
from conf.settings import Settings
from handlers import account, profile, short_video, signature, system, ugc, vod
from handlers.base import RefusalHandler, Routes
from handlers.pages import static
from handlers.transport.access_log import AccessLog
from handlers.transport.application import Application
from handlers.transport.request_metrics import RequestMetrics
from handlers.webhooks import tape_callback
from services import Services

ROUTES: Routes = [
    *account.ROUTES,
    *profile.ROUTES,
    *vod.ROUTES,
    *ugc.ROUTES,
    *signature.ROUTES,
    *tape_callback.ROUTES,
    *system.ROUTES,
]


def make_application(services: Services, conf: Settings, lines: Lines | None = None) -> Application:
    """The application with all its routes. It writes its access log to `lines`, or through structlog."""
    log = AccessLog(conf.log, lines) if conf.log.access else lambda handler: None
    if lines is not None:
        services.metrics.log_failures.watch(lambda: lines.failures)
    routes = [*ROUTES]
    if conf.compat.short_video:
        routes += short_video.ROUTES
    if conf.shows_docs:
        routes += static.routes()
    return Application(routes, RefusalHandler, services, conf, log_function=RequestMetrics(services.metrics, log))
