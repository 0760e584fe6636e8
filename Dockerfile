# The operator and nothing else: no shell, no package manager, no helm.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# Features of Cargo.toml besides the default ones, such as otel.
ARG FEATURES=""
RUN .ci/image build /image "$FEATURES"

FROM scratch
COPY --from=build /image /
USER 65532:65532
EXPOSE 8080 9440
ENTRYPOINT ["/rhumb"]
CMD ["run"]
