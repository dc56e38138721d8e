FROM python:3.11-slim AS build
WORKDIR /app
# pip stays outside: nothing is installed into the finished image.
RUN python -m venv --without-pip /venv
COPY requirements.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
    --root-user-action=ignore --require-hashes --only-binary :all: -r requirements.txt
COPY . ./
# The settings ask for these three, collectstatic uses none of them.
RUN SECRET_KEY=- DATABASE_URL=postgresql:///- REDIS_URL=redis://- STATIC_ROOT=/app/staticfiles \
    /venv/bin/python manage.py collectstatic --noinput
# Readable whatever umask the checkout was made with; compiled, as nobody can write it later.
RUN chmod -R u=rwX,go=rX . && /venv/bin/python -m compileall -q .

FROM python:3.11-slim
# The folders give their owner and mode to the volumes that are mounted over them.
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin app \
    && install -d -o app -g app -m 750 /secrets /secrets/database /secrets/django
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
