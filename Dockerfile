# One file for every image: `docker build --build-arg SERVICE=registry -t cityfreight/registry .`
# SERVICE: registry, telemetry, permits, matching, gateway, or operations (migrations, secrets, city profile).
# A service's image holds the kernel and that service only.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/run.lock /build/run.lock
RUN python -m venv /venv && /venv/bin/pip install --require-hashes --only-binary :all: -r /build/run.lock
ARG SERVICE
COPY services /build/services
COPY gateway /build/gateway
COPY migrations /build/migrations
COPY deploy/__init__.py /build/deploy/__init__.py
COPY deploy/local /build/deploy/local
COPY city /build/city
COPY docs/openapi /build/docs/openapi
COPY alembic.ini /build/alembic.ini
RUN set -eu; mkdir -p /app/services; cd /build; \
    cp services/__init__.py /app/services/; cp -r services/shared city /app/; mv /app/shared /app/services/shared; \
    case "$SERVICE" in \
      registry|telemetry|permits|matching) cp -r "services/$SERVICE" /app/services/ ;; \
      gateway) cp -r gateway /app/; mkdir -p /app/docs; cp -r docs/openapi /app/docs/ ;; \
      operations) cp -r services gateway migrations deploy docs alembic.ini /app/ ;; \
      *) echo "unknown SERVICE: '$SERVICE'" >&2; exit 1 ;; \
    esac; \
    /venv/bin/python -m compileall -q /app

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 freight && useradd --system --uid 10001 --gid 10001 --no-create-home freight
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001
EXPOSE 8000
CMD ["python", "-c", "raise SystemExit('name a process: see docker-compose.yml')"]
