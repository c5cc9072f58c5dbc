# Targets: service, batch; and for docker-compose.yml sample (batch with the bundled sample) and bucket (S3 by rclone).
# docs/containers.md says how to build and run them.
ARG PYTHON_IMAGE=python:3.13-slim

# Empty, unless `--build-context wheels=DIR` puts a folder in its place.
FROM scratch AS wheels

FROM ${PYTHON_IMAGE} AS python

FROM python AS builder
COPY --chmod=755 <<'END' /usr/local/bin/install-packages
#!/bin/sh -eu
# Install what /requirements.txt names, and is not there yet, into /packages, less what is never used at run time.
[ -z "$(ls /wheels)" ] || export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
PIP_CONFIG_FILE=/run/secrets/pip python -m pip install --quiet --no-cache-dir --no-compile --root-user-action ignore \
  --disable-pip-version-check --only-binary :all: --require-hashes --requirement /requirements.txt --prefix /packages
find /packages -type d \( -name tests -o -name include -o -path '*/share/man' \) -prune -exec rm -r {} +
find /packages -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.a' \) -delete
# Of botocore's 400 services: the one we call, and those that credentials come from.
find /packages -path '*/botocore/data/*' -prune -type d \
  ! -name s3 ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -r {} +
# Of Plotly: what notebooks show, and sample data.
find /packages -path '*/plotly/package_data/*' \( -name widgetbundle.js -o -name datasets \) -prune -exec rm -r {} +
END

COPY --chmod=755 <<'END' /usr/local/bin/keep-our-locales
#!/bin/sh -euf
# Of Babel's 800 locales those of our languages stay, which are named like their folders, with their countries.
find /packages -path '*/babel/locale-data/*' ! -name root.dat ! -name en.dat ! -name 'en_*.dat' \
  $(find /languages -mindepth 1 -type d -printf '! -name %f.dat ! -name %f_*.dat ') -delete
END

COPY --chmod=755 <<'END' /usr/local/bin/make-repeatable
#!/bin/sh -eu
# Compile the Python code under a folder (or $2 in it) for good; give its files the earliest time that a zip can hold.
# With random hashes Python may compile a file to other bytes each time.
PYTHONHASHSEED=0 python -W ignore -m compileall -q -f -s "$1" --invalidation-mode unchecked-hash "$1/${2-}"
find "$1" -exec touch --no-dereference --date 1980-01-01 {} +
END

# The base without pip, in one layer: removed in a layer of its own, pip would stay in the one below.
FROM builder AS base-files
COPY --from=python / /base
WORKDIR /base
RUN rm -r usr/local/bin/pip* usr/local/lib/python3*/ensurepip usr/local/lib/python3*/site-packages/* \
  && install -d -o 10001 -g 10001 store && install -d -o 10001 -g 10001 -m 1777 scratch cache \
  && find . -type f -perm /6000 -exec chmod a-s {} + \
  && make-repeatable /base usr/local

# Their names alone, so that a new translation installs no package again.
FROM builder AS languages
COPY languages /translated
WORKDIR /translated
RUN mkdir /languages && for language in */; do mkdir "/languages/$language"; done \
  && find /languages -exec touch --date 1980-01-01 {} +

FROM builder AS service-packages
RUN --mount=from=wheels,target=/wheels --mount=type=secret,id=pip \
  --mount=from=languages,source=/languages,target=/languages \
  --mount=source=requirements-service.txt,target=/requirements.txt \
  install-packages && keep-our-locales && rm -r /packages/bin && make-repeatable /packages

FROM builder AS batch-packages
COPY --from=service-packages /packages /usr/local
RUN --mount=from=wheels,target=/wheels --mount=type=secret,id=pip \
  --mount=source=requirements.txt,target=/requirements.txt \
  install-packages && rm -r /packages/bin && make-repeatable /packages

FROM builder AS rclone
RUN --mount=from=wheels,target=/wheels --mount=type=secret,id=pip \
  --mount=source=requirements-rclone.txt,target=/requirements.txt \
  install-packages && install -D /packages/bin/rclone /files/rclone \
  && install -d -o 10001 -g 10001 /files/buckets/menagerie && make-repeatable /files

FROM builder AS service-code
COPY contract /files/app/contract
COPY languages /files/app/languages
COPY service /files/app/service
COPY storage /files/app/storage
RUN chmod -R u=rwX,go=rX /files && make-repeatable /files

FROM builder AS batch-code
COPY contract /files/app/contract
COPY languages /files/app/languages
COPY segmentation /files/app/segmentation
COPY storage /files/app/storage
RUN chmod -R u=rwX,go=rX /files && make-repeatable /files

FROM builder AS sample-files
COPY data/*.csv.gz /files/sample/
RUN chmod -R u=rwX,go=rX /files && make-repeatable /files

FROM scratch AS bucket
COPY --from=rclone /files /
USER 10001:10001
ENTRYPOINT ["/rclone", "serve", "s3", "--addr", ":9000", "/buckets"]

FROM scratch AS runtime
COPY --from=base-files /base /
COPY --from=service-packages /packages /usr/local
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
  PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MENAGERIE_STORE=/store
USER 10001:10001
STOPSIGNAL SIGTERM
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.licenses=Apache-2.0 \
  org.opencontainers.image.base.name=${PYTHON_IMAGE} \
  org.opencontainers.image.version=${VERSION} \
  org.opencontainers.image.revision=${REVISION} \
  org.opencontainers.image.created=${CREATED} \
  org.opencontainers.image.source=${SOURCE}

FROM runtime AS batch
COPY --from=batch-packages /packages /usr/local
COPY --from=batch-code /files /
LABEL org.opencontainers.image.title="Menagerie batch" \
  org.opencontainers.image.description="Shop events in, a snapshot of seven customer personas out."
# A task on AWS Fargate gets its volume with the owner of the folder that VOLUME names; without, it would be root's.
VOLUME /scratch
ENV MENAGERIE_SCRATCH=/scratch TMPDIR=/scratch
ENTRYPOINT ["python", "-m", "segmentation"]
CMD ["--help"]

FROM batch AS sample
COPY --from=sample-files /files /
ENV MENAGERIE_EVENTS=/sample

FROM runtime AS service
COPY --from=service-code /files /
LABEL org.opencontainers.image.title="Menagerie service" \
  org.opencontainers.image.description="Says who a customer is, and why, from a published snapshot."
VOLUME /cache
ENV MENAGERIE_HOST=0.0.0.0 MENAGERIE_CACHE_DIR=/cache TMPDIR=/cache
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s \
  CMD ["python", "-m", "service.healthcheck"]
ENTRYPOINT ["python", "-m", "service"]
