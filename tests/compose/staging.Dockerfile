# The tests' staging control plane, in the place of the real one.
FROM cpproxy
COPY tests/__init__.py tests/
COPY tests/staging tests/staging
HEALTHCHECK NONE
ENTRYPOINT ["/opt/cpproxy/bin/python3", "-m", "tests.staging", "plane"]
