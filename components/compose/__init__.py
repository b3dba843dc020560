"""The Docker stack: one typed list of services, and the compose file and Docker resources that are generated from this list.

``services`` contains the list, and ``_service`` the types. ``compose_file`` writes the list as a compose file. ``docker_host`` is
the component that starts the services on a Docker host, and ``image`` is the component that builds the image of the DWCP service.
"""
