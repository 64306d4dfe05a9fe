"""Several machines on one: network namespaces with hosts, replicas and a database, and what is broken between them."""
