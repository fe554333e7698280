# The image of `reconciler run`. The first stage builds and installs, the second holds nothing but the result. The base
# is pinned by the digest of its index (Python 3.11.16, amd64 and arm64); CONTRIBUTING.md says how it is moved.
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
WORKDIR /source
RUN python -m venv /opt/build && python -m venv /opt/reconciler
COPY requirements-build.lock requirements-run.lock ./
RUN /opt/build/bin/pip install --require-hashes -r requirements-build.lock \
 && /opt/reconciler/bin/pip install --require-hashes -r requirements-run.lock
COPY pyproject.toml setup.py README.md ./
COPY reconciler reconciler
COPY jobs jobs
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
 && /opt/reconciler/bin/pip install --no-deps --no-index /wheels/*.whl \
 && /opt/reconciler/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
ENV PATH=/opt/reconciler/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 reconciler \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin reconciler
COPY --from=build /opt/reconciler /opt/reconciler
# cron.yaml is read from here; without one, `run` refuses to start.
WORKDIR /etc/reconciler
USER 10001:10001
STOPSIGNAL SIGTERM
# The first pass may take as long as limits.pass_budget and limits.lease together.
HEALTHCHECK --interval=60s --timeout=30s --start-period=10m --retries=3 CMD ["reconciler", "status", "--healthy"]
ENTRYPOINT ["reconciler"]
CMD ["run"]
