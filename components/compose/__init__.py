"""The Docker stack: one typed list of services, and the compose file and Docker resources that are generated from it.

``services`` contains the list, and ``_service`` its type. ``compose_file`` writes the list as a compose file, ``docker_host`` is
the component that starts the services on a Docker host, and ``image`` builds the service's image.
"""
