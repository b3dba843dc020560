module dwcp/toolchain/prometheus-operator

go 1.27

require github.com/prometheus-operator/prometheus-operator v0.85.0
