# syntax=docker/dockerfile:1
# Two stages: the first has pip and may compile, the second only runs.

FROM python:3.12-slim AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/wsproxy
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY wsproxy ./wsproxy
RUN /opt/wsproxy/bin/pip install --no-cache-dir --disable-pip-version-check . \
    && /opt/wsproxy/bin/pip uninstall --yes pip

FROM python:3.12-slim
RUN groupadd --gid 10001 wsproxy \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wsproxy
COPY --from=build /opt/wsproxy /opt/wsproxy
ENV PATH=/opt/wsproxy/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WSPROXY__GATEWAY__BIND=0.0.0.0:5050
WORKDIR /etc/wsproxy
USER 10001:10001
EXPOSE 5050 10200-10300
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
    CMD ["wsproxy", "status", "http://127.0.0.1:5050", "--json"]
ENTRYPOINT ["wsproxy"]
CMD ["serve"]
