# PDC with training and PostgreSQL's client. For a CPU as it stands; for an NVIDIA card, whose wheels PyPI has:
#   docker build --build-arg TORCH_INDEX= -t pdc .
FROM python:3.11-slim-trixie AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=postgres,s3
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/pdc
ENV PATH=/opt/pdc/bin:$PATH
WORKDIR /src
COPY requirements.txt .
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' requirements.txt)" \
    && pip install -r requirements.txt
COPY . .
RUN pip install --constraint requirements.txt ".[$EXTRAS]"

FROM python:3.11-slim-trixie
# pg_dump and pg_restore, for `pdc backup`: not older than the server's
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin pdc \
    && install --directory --owner pdc --group pdc --mode 700 /data /backups
COPY --from=build /opt/pdc /opt/pdc
ENV PATH=/opt/pdc/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/.cache/huggingface \
    PDC_HOME=/data \
    PDC_HOST=0.0.0.0 \
    PDC_LOG=json \
    PDC_LOG_LEVEL=info
USER 10001
WORKDIR /data
VOLUME ["/data", "/backups"]
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/health', timeout=4)"]
ENTRYPOINT ["pdc"]
CMD ["serve"]
