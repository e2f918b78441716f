"""What `make up` uses: distribution packages, the venv, secrets, cluster, broker, edge and supervision."""
