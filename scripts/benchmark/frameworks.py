"""Our list of 20, with everything on, beside handlers of other frameworks that do nothing."""

from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from scripts.benchmark.measure import SLICE, Bench
from scripts.benchmark.requests import page
from scripts.benchmark.servers import bare_server

MIN_OF_FASTAPI = 1.0
_SLICES = 8


@dataclass(frozen=True)
class Frameworks:
    """Our rate (requests/s) as a multiple of each bare handler's: the medians of slices that alternate."""

    multiples: dict[str, float]

    @property
    def met(self) -> bool:
        """True when our list is at least as fast as FastAPI's empty handler."""
        return self.multiples["FastAPI"] >= MIN_OF_FASTAPI


def measure(bench: Bench) -> Frameworks:
    """Send the same requests to all servers in turn."""
    prepared = bench.wrk.prepare("frameworks", page("/get_vod_list", 20))
    multiples: dict[str, list[float]] = {}
    with ExitStack() as stack:
        ports = {"Tornado": bench.bare.port}
        for framework in ("FastAPI", "Starlette", "aiohttp"):
            ports[framework] = stack.enter_context(bare_server(bench.wrk.folder, bench.pause, framework)).port
        for _ in range(_SLICES):
            ours = bench.checked(lambda: bench.wrk.run(bench.real.port, prepared, SLICE)).rate
            for framework, port in ports.items():
                load = bench.wrk.run(port, prepared, SLICE)
                if load.errors:
                    raise RuntimeError(f"the bare handler of {framework} had {load.errors} errors")
                multiples.setdefault(framework, []).append(ours / load.rate)
    return Frameworks({framework: median(values) for framework, values in multiples.items()})
