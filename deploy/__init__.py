"""How the platform is put on machines: one host (`deploy.local`), containers, Kubernetes."""
