# The command in an environment of its own, for a user without rights. For CPUs, with the index that
# PyTorch's page "Get started" names for them:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=INDEX_FOR_CPUS -t kmax-deeplab .
#   docker run --rm --user "$(id -u):$(id -g)" -e HOME=/work -v "$PWD:/work" kmax-deeplab shapes data/shapes
# For NVIDIA's GPUs; torch brings its own CUDA, and the host the driver:
#   docker build --build-arg BASE=nvidia/cuda:12.8.1-base-ubuntu24.04 -t kmax-deeplab:cuda .
#   docker run --gpus all --shm-size 8g ... kmax-deeplab:cuda train CONFIG
# Any base of Debian's kind will do that has Python 3.11 to 3.13, or a python3 of those to install.
ARG BASE=python:3.11-slim
FROM ${BASE}

# What opencv-python links to, and Python where the base has none. Versions are those of the base.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && { command -v python3 || apt-get install -y --no-install-recommends python3 python3-venv; } \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 kmax

ARG PIP_EXTRA_INDEX_URL=
ENV PATH=/opt/kmax/bin:$PATH
WORKDIR /opt/kmax-source
# Changes of the code alone begin after this layer, which takes minutes.
COPY requirements.txt requirements-nommcv.txt ./
RUN python3 -m venv /opt/kmax && pip install --no-cache-dir -r requirements.txt
COPY . .
# Built by the setuptools of the requirements; whatever else it depends on is there.
RUN pip install --no-cache-dir --no-build-isolation --no-index . && kmax-deeplab --version

USER 10001
WORKDIR /work
ENTRYPOINT ["kmax-deeplab"]
CMD ["--help"]
