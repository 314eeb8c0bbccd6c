# cpproxy with the cassettes and the config of this checkout. Build it with what its labels are to say:
#
#   docker build -t cpproxy \
#     --build-arg VERSION="$(cpproxy --version | cut -d' ' -f2)" --build-arg CASSETTES="$(cpproxy cassette digest)" .
#
# The build fails where they are not what the image holds; left out, the labels are empty.

FROM python:3.13-slim AS build
WORKDIR /src
# The dependencies first: this layer stays as it is until they change.
COPY pyproject.toml ./
RUN python3 -m venv --without-pip /opt/cpproxy \
    && python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
        >dependencies \
    && python3 -m pip --python /opt/cpproxy/bin/python3 install --no-cache-dir --no-compile -r dependencies
COPY README.md LICENSE ./
COPY cpproxy cpproxy
RUN python3 -m pip --python /opt/cpproxy/bin/python3 install --no-cache-dir --no-compile --no-deps .

FROM python:3.13-slim
RUN useradd --uid 10001 --home-dir /var/lib/cpproxy --create-home --shell /usr/sbin/nologin cpproxy \
    && chmod 700 /var/lib/cpproxy
COPY --from=build /opt/cpproxy /opt/cpproxy
WORKDIR /srv/cpproxy
COPY cpproxy.toml compose*.yml ./
COPY cassettes cassettes
COPY tests/harness/scripts tests/harness/scripts
ENV PATH=/opt/cpproxy/bin:$PATH PYTHONUNBUFFERED=1 CPPROXY_LEDGER=/var/lib/cpproxy/ledger.db CPPROXY_LISTEN=0.0.0.0:9090
ARG VERSION
ARG CASSETTES
# One start as root, so that what is imported is compiled, and nothing else: each later start is as fast, the image small.
RUN set -e; version=$(cpproxy --version); digest=$(cpproxy cassette digest); \
    if [ "${VERSION:+cpproxy $VERSION}" != "${VERSION:+$version}" ] || [ "${CASSETTES:-$digest}" != "$digest" ]; then \
        echo "the labels were to say $VERSION and $CASSETTES, but the image holds $version and cassettes $digest"; exit 1; \
    fi; \
    cpproxy --ledger /tmp/ledger.db replay --listen 127.0.0.1:0 --trap -- true >/dev/null 2>&1 || test $? = 5; rm -r /tmp/*
LABEL org.opencontainers.image.title="cpproxy" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    cpproxy.cassettes="${CASSETTES}"
USER cpproxy
# A volume mounted here begins with this folder's owner and mode.
VOLUME /var/lib/cpproxy
EXPOSE 9090
# `wait` asks the proxy that runs on this container's ledger whether it is ready.
HEALTHCHECK --interval=2s --timeout=5s --start-period=60s --retries=5 CMD ["cpproxy", "wait", "--timeout", "2"]
ENTRYPOINT ["cpproxy"]
CMD ["replay"]
