# The front proxy of the harness: the one thing that the host sees.
FROM nginx:stable
COPY tests/harness/front.conf /etc/nginx/conf.d/default.conf
HEALTHCHECK --interval=2s --timeout=5s --start-period=60s --retries=10 CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1/healthz"]
