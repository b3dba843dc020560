"""The Docker stack: one typed list of services, and the compose file and Docker resources that are generated from it."""
