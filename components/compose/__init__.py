"""The Docker stack: one typed list of services, the compose file and the Docker resources that are made from it."""
