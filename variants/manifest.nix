# A variant's manifest: TOML in, a plain attribute set out. Needs no package set, so `nix eval` alone can test it.
#
# chassis/src/qntx/model/variant.py reads the same file by the same rules and words each fault alike: keys are taken in
# alphabetical order and the first fault wins. tests/conformance/manifests.toml holds both to it.
{ lib }:
let
  inherit (builtins)
    attrNames
    elemAt
    filter
    head
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isString
    length
    match
    stringLength
    ;

  nameForm = "[a-z][a-z0-9]*(-[a-z0-9]+)*";
  moduleForm = "[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*";
  packageForm = "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?";
  releaseForm = "[0-9]+([.][0-9]+)*((a|b|rc|[.]post|[.]dev)[0-9]+)?";
  constraintForm = "((>=|<=|==|!=|>|<) *${releaseForm}|~= *[0-9]+[.]${releaseForm})";
  requirementForm = " *(${packageForm}) *(${constraintForm} *(, *${constraintForm} *)*)?";

  # A kind completes the sentence "must be …" and says what holds; `many` is a list of such.
  one = wanted: holds: {
    inherit wanted holds;
    many = false;
  };
  list = wanted: form: {
    inherit wanted;
    holds = matching form;
    many = true;
  };
  matching = form: value: isString value && match form value != null;
  isNumber = value: isInt value || isFloat value;

  string = one "a string" isString;
  switch = one "true or false" isBool;
  aboveZero = one "a whole number above 0" (value: isInt value && value >= 1);
  whole = one "a whole number, 0 or more" (value: isInt value && value >= 0);
  modules = list "a list of modules such as 'Bio.Seq'" moduleForm;
  requirements = list "a list of packages such as 'numpy>=1.26,<3', without extras or markers" requirementForm;

  keys = {
    version = one "a version such as '0.1.0'" (matching "[0-9]+[.][0-9]+[.][0-9]+([-+][0-9A-Za-z.+-]+)?");
    description = string;
    glyph = one "'py' or such as 'py:bio'" (matching "py(:${nameForm})?");
    dependencies = requirements;
    optional = requirements;
    preload = modules;
    imports = modules;
    tools = list "a list of programs such as 'samtools'" "[A-Za-z0-9][A-Za-z0-9._+-]*";
    env = freely string;
    limits = table {
      # The comparison from above refuses infinity, which TOML can say.
      timeout_seconds = one "a number above 0" (value: isNumber value && value > 0 && value < 1.0e300);
      memory_mib = aboveZero;
      processes = aboveZero;
      output_bytes = whole;
      scratch_mib = whole;
      network = switch;
      network_ports = {
        wanted = "a list of port numbers, 1 to 65535";
        holds = value: isInt value && value >= 1 && value <= 65535;
        many = true;
      };
      subprocess = switch;
      readable_paths = list "a list of absolute paths" "/.*";
    };
    nix = freely string;
    smoke = table {
      code = string;
      result = one "any value" (_value: true);
    };
  };

  # A table with keys of its own, and one whose keys its author chooses.
  table = keys: { keysOf = _value: keys; };
  freely = kind: { keysOf = value: lib.mapAttrs (_: _: kind) value; };

  # The first that is not empty.
  firstFault = faults: lib.findFirst (fault: fault != "") "" faults;

  tableFault =
    prefix: value: known:
    firstFault (map (key: keyFault prefix value known key) (attrNames value));

  keyFault =
    prefix: value: known: key:
    if !(known ? ${key}) then
      "unknown key '${prefix}${key}' (nearest: ${prefix}${nearest key (attrNames known)})"
    else if !(known.${key} ? keysOf) then
      valueFault "${prefix}${key}" value.${key} known.${key}
    else if !(isAttrs value.${key}) then
      "'${key}' must be a table, got ${shown value.${key}}"
    else
      tableFault "${key}." value.${key} (known.${key}.keysOf value.${key});

  valueFault =
    key: value: kind:
    let
      bad = filter (item: !(kind.holds item)) value;
    in
    if kind.many && isList value then
      lib.optionalString (bad != [ ]) "'${key}' must be ${kind.wanted}, got ${shown (head bad)} in it"
    else if kind.many || !(kind.holds value) then
      "'${key}' must be ${kind.wanted}, got ${shown value}"
    else
      "";

  # What is wrong with keys that are each right.
  faultBetweenKeys =
    raw:
    let
      packages = map (r: r.key) (requirementsOf raw "dependencies" ++ requirementsOf raw "optional");
      twice = filter (key: length (filter (other: other == key) packages) > 1) (lib.sort (a: b: a < b) packages);
      stray = filter (name: !(builtins.elem (normalise name) packages)) (attrNames (raw.nix or { }));
      near = lib.optionalString (packages != [ ]) " (nearest: ${nearest (head stray) packages})";
    in
    if raw ? smoke && !(raw.smoke ? code) then
      "'smoke.code' is missing"
    else if twice != [ ] then
      "'${head twice}' is named twice in 'dependencies' and 'optional'"
    else if stray != [ ] then
      "'nix.${head stray}' is about no package of 'dependencies' or 'optional'${near}"
    else
      "";

  # A value as the errors show it.
  shown =
    value:
    if isString value then
      "'${value}'"
    else if isList value then
      "a list"
    else if isAttrs value && value ? _type then
      "a date or time"
    else if isAttrs value then
      "a table"
    else if isFloat value && value - value != 0.0 then
      # Infinity, and what is no number: JSON has neither.
      toString value
    else
      builtins.toJSON value;

  # The known name that the smallest share of edits leads to; of several, the alphabetically first.
  nearest =
    name: known:
    let
      share = other: 1000 * lib.strings.levenshtein name other / lib.max 1 (lib.max (stringLength name) (stringLength other));
      sorted = lib.sort (a: b: a < b) known;
    in
    lib.foldl' (best: other: if share other < share best then other else best) (head sorted) sorted;

  # PEP 503: the name by which packages are compared.
  normalise =
    name:
    lib.concatStringsSep "-" (
      filter (part: isString part && part != "") (builtins.split "[-_.]+" (lib.toLower name))
    );

  # "NumPy >=1.26, <3" -> { name = "NumPy"; key = "numpy"; constraints = [ { op = ">="; version = "1.26"; } … ]; }
  requirement =
    text:
    let
      parts = match "([^<>=!~]*)(.*)" (builtins.replaceStrings [ " " ] [ "" ] text);
      constraint =
        one:
        let
          m = match "(>=|<=|==|!=|~=|>|<)(.*)" one;
        in
        {
          op = elemAt m 0;
          version = elemAt m 1;
        };
    in
    {
      name = elemAt parts 0;
      key = normalise (elemAt parts 0);
      constraints = map constraint (filter (one: one != "") (lib.splitString "," (elemAt parts 1)));
    };
  requirementsOf = raw: key: map requirement (raw.${key} or [ ]);

  # A version as a list that sorts as PEP 440 sorts: release numbers without trailing zeros, then the phase.
  sortable =
    version:
    let
      m = match "([0-9]+([.][0-9]+)*)[.]?(a|b|rc|post|dev)?([0-9]+)?.*" version;
      number = text: lib.toInt (elemAt (match "0*([0-9]+)" text) 0);
      phases = {
        dev = -4;
        a = -3;
        b = -2;
        rc = -1;
        post = 1;
      };
      trimmed =
        numbers: if numbers != [ ] && lib.last numbers == 0 then trimmed (lib.init numbers) else numbers;
    in
    if m == null then
      throw "'${version}' does not read as a version"
    else
      {
        release = trimmed (map number (lib.splitString "." (elemAt m 0)));
        phase = if elemAt m 2 == null then 0 else phases.${elemAt m 2};
        count = if elemAt m 3 == null then 0 else number (elemAt m 3);
      };

  # Below, at or above zero, as PEP 440 orders versions.
  compareVersions =
    a: b:
    let
      left = sortable a;
      right = sortable b;
      parts = [
        (lib.compareLists lib.compare left.release right.release)
        (lib.compare left.phase right.phase)
        (lib.compare left.count right.count)
      ];
    in
    lib.findFirst (part: part != 0) 0 parts;

  satisfies =
    version: constraint:
    let
      c = compareVersions version constraint.version;
      series = lib.init (lib.splitString "." (head (match "([0-9.]*[0-9]).*" constraint.version)));
    in
    {
      ">=" = c >= 0;
      "<=" = c <= 0;
      ">" = c > 0;
      "<" = c < 0;
      "==" = c == 0;
      "!=" = c != 0;
      "~=" = c >= 0 && lib.hasPrefix "${lib.concatStringsSep "." series}." "${version}.";
    }
    .${constraint.op};

  # The first fault of a manifest's text as parsed; empty where there is none.
  faultOf =
    name: raw:
    if match nameForm name == null then
      "'${name}' is no variant name (lower-case letters, digits and single hyphens, a letter first)"
    else
      firstFault [
        (tableFault "" raw keys)
        (faultBetweenKeys raw)
      ];

  # The variant of that name, as its manifest has it. `where` is the file, for errors.
  parse =
    name: raw: where:
    let
      fault = faultOf name raw;
    in
    if fault != "" then
      throw "${where}: ${fault}"
    else
      {
        inherit name;
        version = raw.version or "0.0.0";
        description = raw.description or "QNTX ${name} plugin";
        glyph = raw.glyph or "py:${name}";
        dependencies = requirementsOf raw "dependencies";
        optional = requirementsOf raw "optional";
        preload = raw.preload or [ ];
        imports = raw.imports or [ ];
        tools = raw.tools or [ ];
        env = raw.env or { };
        limits = raw.limits or { };
        # By the package's comparable name, so that [nix] may spell it as its author does.
        nix = lib.mapAttrs' (package: attribute: lib.nameValuePair (normalise package) attribute) (raw.nix or { });
        smoke = raw.smoke or null;
      };

  loadManifest =
    name: file:
    parse name (builtins.fromTOML (builtins.readFile file)) (toString file)
    // {
      folder = dirOf file;
    };

  # The fault of two names of which one is the other plus a hyphen: QNTX deletes a plugin's watchers by the prefix `NAME-`.
  shadowedAmong =
    names:
    let
      pairs = lib.concatMap (long: map (short: { inherit long short; }) sorted) sorted;
      sorted = lib.sort (a: b: a < b) names;
      bad = filter (pair: lib.hasPrefix "${pair.short}-" pair.long) pairs;
      inherit (head bad) long short;
    in
    if bad == [ ] then
      ""
    else
      "variant '${long}' begins with '${short}-', so QNTX would take its watchers for those of '${short}'";

  # Every folder with a plugin.toml in it is a variant.
  loadVariants =
    dir:
    let
      entries = builtins.readDir dir;
      names = filter (name: entries.${name} == "directory" && builtins.pathExists (dir + "/${name}/plugin.toml")) (
        attrNames entries
      );
      shadowed = shadowedAmong names;
    in
    if shadowed != "" then
      throw "${toString dir}: ${shadowed}"
    else
      lib.genAttrs names (name: loadManifest name (dir + "/${name}/plugin.toml"));
in
{
  inherit
    faultOf
    loadManifest
    loadVariants
    nearest
    normalise
    shadowedAmong
    requirement
    satisfies
    ;
}
