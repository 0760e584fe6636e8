# The operator and nothing else: no shell, no package manager, no helm.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin rhumb
# The program, the shared libraries that it is linked to, and the certificate authorities.
RUN mkdir -p /image \
    && cp --parents --dereference $(ldd target/release/rhumb | grep -o '/[^ ]*') /etc/ssl/certs/ca-certificates.crt /image \
    && cp target/release/rhumb /image/rhumb

FROM scratch
COPY --from=build /image /
USER 65532:65532
EXPOSE 8080 9440
ENTRYPOINT ["/rhumb"]
CMD ["run"]
