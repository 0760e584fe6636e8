//! kube-runtime wiring: observe, decide, act, record.
