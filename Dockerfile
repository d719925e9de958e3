# The server's image: `docker build --tag xiaozhibo .`. compose.yaml runs it with its stores.
FROM python:3.13-slim-bookworm AS build
WORKDIR /opt/xiaozhibo
COPY requirements.txt ./
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt

FROM python:3.13-slim-bookworm
RUN useradd --system --no-create-home --uid 10001 xiaozhibo
WORKDIR /opt/xiaozhibo
COPY --from=build /opt/xiaozhibo/.venv .venv
COPY pyproject.toml LICENSE main.py ./
COPY conf conf
COPY handlers handlers
COPY models models
COPY services services
COPY scripts scripts
COPY docs/openapi.json docs/openapi.zh-CN.json docs/
RUN .venv/bin/python -m compileall -q main.py conf handlers models services scripts \
 && install --directory --owner=xiaozhibo var
USER 10001
# The values of an installation come as XZB_ variables, over those of the example. Loopback would be the container's own. Publish 8000 only: 8001 has the metrics, for a Prometheus in the same network.
ENV XZB_CONF=/opt/xiaozhibo/conf/production.example.toml XZB_HTTP__ADDRESS=0.0.0.0 XZB_METRICS__ADDRESS=0.0.0.0
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT [".venv/bin/python"]
CMD ["main.py"]
