# The server for external Redis and PostgreSQL. Build: docker build -t valet-dispatch .
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/venv
COPY requirements-server.lock ./
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements-server.lock
COPY pyproject.toml README.md ./
COPY admin_api ./admin_api
COPY console ./console
COPY dispatch ./dispatch
COPY geo ./geo
COPY loadtest ./loadtest
COPY realtime ./realtime
COPY server ./server
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
# ffmpeg is for voice notes as MP3 only; the server runs without.
RUN apt-get update && apt-get install --yes --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin dispatch
# The audio of voice notes, where DISPATCH_VOICE_STORAGE names no other place, and uploads on their way in.
RUN install --directory --owner dispatch --mode 0700 /var/lib/valet-dispatch
VOLUME /var/lib/valet-dispatch
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
USER dispatch
EXPOSE 8000 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["valet-dispatch"]
CMD ["serve", "--host", "0.0.0.0", "--http-port", "8000", "--ws-port", "8001", "--data-dir", "/var/lib/valet-dispatch"]
