# As much of NixOS' module system as chassis/module.nix needs: options with types, definitions of several modules merged
# by type, imports of module values, mkIf and mkMerge. No priorities, no documentation.
{ lib }:
let
  inherit (builtins) attrNames concatMap head isAttrs;

  # A type checks one definition and merges several.
  single = name: check: {
    inherit name check;
    merge =
      where: values:
      let
        bad = builtins.filter (value: !(check value)) values;
      in
      if bad != [ ] then
        throw "A definition for option `${where}' is not of type `${name}'."
      else if builtins.length (lib.unique values) > 1 then
        throw "The option `${where}' has conflicting definition values."
      else
        head values;
  };

  types = {
    str = single "string" builtins.isString;
    bool = single "boolean" builtins.isBool;
    int = single "signed integer" builtins.isInt;
    float = single "floating point number" builtins.isFloat;
    port = single "16 bit unsigned integer" (value: builtins.isInt value && value >= 0 && value < 65536);
    path = single "absolute path" (value: lib.hasPrefix "/" (toString value));
    package = single "package" (value: value ? outPath);
    anything = single "anything" (_value: true);
    enum = names: single "one of ${toString names}" (value: builtins.elem value names);
    nullOr =
      type:
      single "null or ${type.name}" (value: value == null || type.check value)
      // {
        merge = where: values: if builtins.elem null values then null else type.merge where values;
      };
    either = a: b: single "${a.name} or ${b.name}" (value: a.check value || b.check value);
    oneOf = lib.foldl' types.either (single "nothing" (_value: false));
    listOf = type: {
      name = "list of ${type.name}";
      check = builtins.isList;
      merge = where: values: map (value: type.merge where [ value ]) (builtins.concatLists values);
    };
    attrsOf = type: {
      name = "attribute set of ${type.name}";
      check = isAttrs;
      merge =
        where: values:
        lib.genAttrs (lib.unique (concatMap attrNames values)) (
          name:
          type.merge "${where}.${name}" (concatMap (value: lib.optional (value ? ${name}) value.${name}) values)
        );
    };
    submodule = module: {
      name = "submodule";
      check = isAttrs;
      merge =
        where: values:
        (evalModules {
          modules = [ module ] ++ values;
          specialArgs.name = lib.last (lib.splitString "." where);
          prefix = "${where}.";
        }).config;
    };
  };

  # Definitions, with conditions and merges resolved.
  discharge =
    definition:
    if !(isAttrs definition) || !(definition ? _type) then
      [ definition ]
    else if definition._type == "if" then
      lib.optionals definition.condition (discharge definition.content)
    else
      concatMap discharge definition.contents;

  isOption = value: isAttrs value && (value._type or "") == "option";

  # The values of a tree of options, from definitions of the same shape.
  valuesOf =
    prefix: options: definitions:
    let
      unknown = builtins.filter (name: !(options ? ${name})) (concatMap attrNames definitions);
      at = name: concatMap (definition: lib.optionals (definition ? ${name}) (discharge definition.${name})) definitions;
      value =
        name: option:
        if !(isOption option) then
          valuesOf "${prefix}${name}." option (at name)
        else if at name != [ ] then
          option.type.merge "${prefix}${name}" (at name)
        else
          option.default or (throw "The option `${prefix}${name}' was accessed but has no value defined.");
    in
    if unknown != [ ] then
      throw "The option `${prefix}${head unknown}' does not exist."
    else
      lib.mapAttrs value options;

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? "",
    }:
    let
      load =
        module:
        let
          made = if builtins.isFunction module then module (specialArgs // { inherit config lib; }) else module;
        in
        concatMap load (made.imports or [ ])
        ++ [
          {
            options = made.options or { };
            config = if made ? options || made ? config then made.config or { } else removeAttrs made [ "imports" ];
          }
        ];
      loaded = concatMap load modules;
      options = lib.foldl' lib.recursiveUpdate { } (map (module: module.options) loaded);
      config = valuesOf prefix options (concatMap (module: discharge module.config) loaded);
    in
    {
      inherit config options;
    };
in
{
  inherit evalModules types;
  mkOption = option: option // { _type = "option"; };
  mkEnableOption =
    what:
    {
      _type = "option";
      type = types.bool;
      default = false;
      description = "Whether to enable ${what}.";
    };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  literalExpression = text: text;
}
