# DBOS Transact, which nixpkgs lacks: the library under the host's jobs and schedules. Plain Python, so its wheel will do.
{
  lib,
  buildPythonPackage,
  click,
  croniter,
  fetchPypi,
  psycopg,
  python-dateutil,
  pyyaml,
  sqlalchemy,
}:
buildPythonPackage rec {
  pname = "dbos";
  version = "3.4.0";
  format = "wheel";

  src = fetchPypi {
    inherit pname version format;
    dist = "py3";
    python = "py3";
    hash = "sha256-ePYBXbz/+xqYGjcaN6RrGZGUmzv5tfA9FYj1NHUIGRI=";
  };

  dependencies = [
    click
    croniter
    psycopg
    python-dateutil
    pyyaml
    sqlalchemy
  ]
  ++ sqlalchemy.optional-dependencies.asyncio;
  # A release branch may be behind by a minor version of what the wheel asks for.
  pythonRelaxDeps = [ "croniter" ];
  pythonImportsCheck = [ "dbos" ];

  meta = {
    description = "Durable execution over SQLite or PostgreSQL";
    license = lib.licenses.mit;
  };
}
