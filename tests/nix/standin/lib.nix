# The part of nixpkgs' lib that this project calls, by nixpkgs' names and meanings.
let
  inherit (builtins)
    attrNames
    elemAt
    filter
    foldl'
    genList
    isString
    length
    listToAttrs
    stringLength
    substring
    ;

  lib = {
    inherit (builtins)
      all
      any
      attrNames
      attrValues
      concatMap
      concatStringsSep
      elem
      filter
      foldl'
      head
      isAttrs
      isFunction
      isList
      isString
      mapAttrs
      ;

    # Attribute sets
    nameValuePair = name: value: { inherit name value; };
    genAttrs = names: f: listToAttrs (map (name: lib.nameValuePair name (f name)) names);
    filterAttrs = keep: set: lib.genAttrs (filter (name: keep name set.${name}) (attrNames set)) (name: set.${name});
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    mapAttrs' = f: set: listToAttrs (lib.mapAttrsToList f set);
    concatMapAttrs = f: set: foldl' (merged: one: merged // one) { } (lib.mapAttrsToList f set);
    optionalAttrs = condition: set: if condition then set else { };
    recursiveUpdate =
      a: b:
      a
      // lib.mapAttrs (
        name: value:
        if a ? ${name} && lib.isAttrs a.${name} && lib.isAttrs value then lib.recursiveUpdate a.${name} value else value
      ) b;

    # Lists
    optional = condition: item: if condition then [ item ] else [ ];
    optionals = condition: items: if condition then items else [ ];
    last = items: elemAt items (length items - 1);
    init = items: genList (elemAt items) (length items - 1);
    take = count: items: genList (elemAt items) (lib.min count (length items));
    toList = value: if lib.isList value then value else [ value ];
    # Looks no further than it must.
    findFirst =
      wanted: default: items:
      if items == [ ] then
        default
      else if wanted (lib.head items) then
        lib.head items
      else
        lib.findFirst wanted default (builtins.tail items);
    unique = foldl' (seen: item: if lib.elem item seen then seen else seen ++ [ item ]) [ ];
    flatten = value: if lib.isList value then lib.concatMap lib.flatten value else [ value ];
    sort = builtins.sort;
    compareLists =
      compare: a: b:
      if a == [ ] then
        if b == [ ] then 0 else -1
      else if b == [ ] then
        1
      else
        let
          first = compare (lib.head a) (lib.head b);
        in
        if first == 0 then lib.compareLists compare (builtins.tail a) (builtins.tail b) else first;

    # Numbers
    min = a: b: if a < b then a else b;
    max = a: b: if a > b then a else b;
    compare =
      a: b:
      if a < b then
        -1
      else if a > b then
        1
      else
        0;
    toInt = text: builtins.fromJSON text;

    # Strings
    boolToString = value: if value then "true" else "false";
    optionalString = condition: text: if condition then text else "";
    concatMapStringsSep =
      separator: f: items:
      lib.concatStringsSep separator (map f items);
    concatLines = lines: lib.concatMapStringsSep "" (line: "${line}\n") lines;
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix =
      suffix: text:
      let
        rest = stringLength text - stringLength suffix;
      in
      rest >= 0 && substring rest (stringLength suffix) text == suffix;
    removePrefix =
      prefix: text: if lib.hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
    removeSuffix =
      suffix: text:
      if lib.hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    stringToCharacters = text: genList (at: substring at 1 text) (stringLength text);
    escapeRegex =
      let
        special = lib.stringToCharacters "\\[{()^$?*+|.";
      in
      builtins.replaceStrings special (map (character: "\\${character}") special);
    splitString = separator: text: filter isString (builtins.split (lib.escapeRegex separator) text);
    toLower =
      builtins.replaceStrings (lib.stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        (lib.stringToCharacters "abcdefghijklmnopqrstuvwxyz");
    escapeShellArg = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
    escapeShellArgs = lib.concatMapStringsSep " " lib.escapeShellArg;
    strings = {
      # One row of the table of edits at a time.
      levenshtein =
        a: b:
        let
          left = lib.stringToCharacters a;
          right = lib.stringToCharacters b;
          next =
            row: character:
            foldl' (
              made: at:
              made
              ++ [
                (lib.min (lib.min (elemAt row (at + 1) + 1) (lib.last made + 1)) (
                  elemAt row at + (if character == elemAt right at then 0 else 1)
                ))
              ]
            ) [ (lib.head row + 1) ] (genList (at: at) (length right));
        in
        lib.last (foldl' next (genList (at: at) (length right + 1)) left);
    };

    # Packages
    makeBinPath = lib.concatMapStringsSep ":" (package: "${package}/bin");
    getExe = package: "${package}/bin/${package.meta.mainProgram or package.pname}";
    licenses.mit.spdxId = "MIT";
    platforms.unix = [ ];

    # Overlays, as nixpkgs folds them
    fix =
      f:
      let
        x = f x;
      in
      x;
    extends =
      overlay: f: final:
      let
        prev = f final;
      in
      prev // overlay final prev;
  };

  # Modules are handed the whole of it.
  whole = lib // import ./modules.nix { lib = whole; };
in
whole
