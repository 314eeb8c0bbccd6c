# A tenant of the harness: our own small client of the control plane, on the standard library alone.
FROM python:3.13-slim
WORKDIR /srv/tenant
COPY tests/__init__.py tests/
COPY tests/staging tests/staging
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=2s --timeout=5s --start-period=60s --retries=10 \
    CMD ["python3", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8080/health')"]
ENTRYPOINT ["python3", "-m", "tests.staging.platform"]
