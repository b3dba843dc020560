"""One client for each external system, and the environment to which the clients belong.

``environment`` has ``Environment``: settings, outputs, variables, and the clients of an environment. The clients are ``pulumi``
(``Engine``, whose reports ``engine_events`` reads), ``kubernetes`` (``KubernetesClient``), ``tracks`` (``Tracks``),
``load_balancer`` (``WeightedRule``), ``prometheus`` (``PrometheusClient``), ``service`` (``ServiceClient``), ``docker``,
``docker_compose`` (``ComposeStack``), ``git``, ``github`` (``GitHub``), ``images`` (the registries) and ``aws``. ``state_backend``
creates the bucket, keys and table of the state, and ``checkpoint`` reads and checks the state. ``waiting``, ``clock``,
``work_folder``, ``screens`` (terminal output) and ``proxies`` (proxy settings) are shared helpers.
"""
