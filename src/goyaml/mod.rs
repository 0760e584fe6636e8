//! YAML as go-yaml reads and writes it through sigs.k8s.io/yaml 1.6.
//!
//! **Invariant:** never knows about Helm or Kubernetes.
