
// Drawn with what QNTX's canvas hands over as `ui`; the result appears as a glyph of its own below.
export function render(glyph, ui) {
  const code = document.createElement("textarea");
  code.value = glyph.content || "";
  code.spellcheck = false;
  code.setAttribute("aria-label", `Python code, run by ${glyphDef.label}`);
  code.style.cssText = "box-sizing:border-box;width:100%;height:100%;resize:none;font:13px/1.5 monospace;tab-size:4";

  const run = document.createElement("button");
  run.textContent = "▶";
  run.title = "Run (Ctrl+Enter)";
  run.addEventListener("click", () => execute(glyph, ui, code.value, run));
  code.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run.click();
    }
  });

  const { element, content } = ui.glyph({
    defaults: { x: glyph.x ?? 100, y: glyph.y ?? 100, width: glyphDef.defaultWidth, height: glyphDef.defaultHeight },
    titleBar: { label: glyphDef.symbol, actions: [run] },
    resizable: true,
  });
  ui.preventDrag(code);
  content.appendChild(code);
  return element;
}

async function execute(glyph, ui, content, run) {
  run.disabled = true;
  try {
    const answer = await ui.pluginFetch("/execute", { method: "POST", body: { content, glyph_id: glyph.id } });
    const told = await answer.json();
    ui.spawnResult("success" in told ? told : failure(told.error));
  } catch (error) {
    ui.spawnResult(failure(String(error)));
  } finally {
    run.disabled = false;
  }
}

function failure(error) {
  return { success: false, stdout: "", stderr: "", result: null, error, duration_ms: 0 };
}
