"""The Docker stack: one typed list of services, and the compose file and Docker resources that are generated from it.

``services`` is the list, of the type in ``service``; ``compose_file`` writes it as a compose file, ``docker_host`` is the component
that starts it on a Docker host, and ``image`` builds the service's image.
"""
