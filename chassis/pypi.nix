# Packages of the chassis that nixpkgs lacks. Each is plain Python, so its wheel will do.
{ lib, python }:
let
  set = python.pkgs;

  wheel =
    {
      pname,
      version,
      hash,
      dependencies,
      relaxed,
      meta,
    }:
    set.buildPythonPackage {
      inherit
        pname
        version
        dependencies
        meta
        ;
      format = "wheel";
      src = set.fetchPypi {
        inherit version hash;
        pname = builtins.replaceStrings [ "-" ] [ "_" ] pname;
        format = "wheel";
        dist = "py3";
        python = "py3";
      };
      # A release branch may be behind by a minor version of what the wheel asks for.
      pythonRelaxDeps = relaxed;
      pythonImportsCheck = [ (builtins.replaceStrings [ "-" ] [ "_" ] pname) ];
    };
in
{
  # Under the host's jobs and schedules.
  dbos = wheel {
    pname = "dbos";
    version = "3.4.0";
    hash = "sha256-ePYBXbz/+xqYGjcaN6RrGZGUmzv5tfA9FYj1NHUIGRI=";
    dependencies = [
      set.click
      set.croniter
      set.psycopg
      set.python-dateutil
      set.pyyaml
      set.sqlalchemy
    ]
    ++ set.sqlalchemy.optional-dependencies.asyncio;
    relaxed = [ "croniter" ];
    meta = {
      description = "Durable execution over SQLite or PostgreSQL";
      license = lib.licenses.mit;
    };
  };

  # The format of the audit trail; the chassis asks for exactly this version.
  qp-capsule = wheel {
    pname = "qp-capsule";
    version = "1.5.4";
    hash = "sha256-yDSSZTDHK2q6mW+b+upswoL3xm2YqxYT7lEjh/EBGKg=";
    dependencies = [ set.pynacl ];
    relaxed = [ "pynacl" ];
    meta = {
      description = "Sealed records of what was done";
      license = lib.licenses.asl20;
    };
  };
}
