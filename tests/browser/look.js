// Looks at the page that is open; gives {title, height, charts: [[what it says, marks]], wrong: [a line for each]}.
// Runs in Chromium, from chromium.py. Everything is measured as it was laid out, in CSS pixels.
const wrong = [];
const root = document.documentElement;
const isHtml = document.contentType === "text/html";
const SLACK = 1.5; // pixels: borders and rounding
const canvas = document.createElementNS("http://www.w3.org/1999/xhtml", "canvas");
canvas.width = canvas.height = 1;
const pen = canvas.getContext("2d", { willReadFrequently: true });

function where(element) {
  const parts = [];
  for (let at = element; at && at.nodeType === 1 && parts.length < 4; at = at.parentElement) {
    const name = at.getAttribute("class");
    parts.unshift(at.tagName.toLowerCase() + (at.id ? "#" + at.id : name ? "." + name.trim().split(/\s+/).join(".") : ""));
  }
  return parts.join(" > ");
}

function told(text) { return JSON.stringify(text.trim().slice(0, 60)); }

// What is left of the rectangle after every ancestor that hides what flows over has had its say.
function clipped(rect, element) {
  let box = { left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom };
  for (let at = element; at && at !== root; at = at.parentElement) {
    const style = getComputedStyle(at);
    if (style.overflowX === "visible" && style.overflowY === "visible") continue;
    if (at instanceof SVGElement && at.ownerSVGElement === null && style.overflowX === "visible") continue;
    const edge = at.getBoundingClientRect();
    box = {
      left: Math.max(box.left, edge.left), right: Math.min(box.right, edge.right),
      top: Math.max(box.top, edge.top), bottom: Math.min(box.bottom, edge.bottom),
    };
  }
  return box;
}

// Colours, as [red, green, blue, alpha] of 0 to 255, whichever way the style writes them.
const known = new Map();
function colour(text) {
  if (!known.has(text)) {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = "rgba(0,0,0,0)";
    pen.fillStyle = text;
    pen.fillRect(0, 0, 1, 1);
    known.set(text, [...pen.getImageData(0, 0, 1, 1).data]);
  }
  return known.get(text);
}
function over(upper, lower) {
  const share = upper[3] / 255;
  return [0, 1, 2].map((n) => upper[n] * share + lower[n] * (1 - share)).concat(255);
}
function ground(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found[3]) layers.push(found);
    if (found[3] === 255) break;
  }
  const dark = isHtml && matchMedia("(prefers-color-scheme: dark)").matches;
  return layers.reduceRight((lower, upper) => over(upper, lower), dark ? [18, 18, 18, 255] : [255, 255, 255, 255]);
}
function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

// The document itself.
if (isHtml) {
  if (!document.title.trim()) wrong.push("it has no title");
  if (!root.lang) wrong.push("it does not say its language");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("it has not one h1");
  if (root.scrollWidth > innerWidth) wrong.push(`it is ${root.scrollWidth} px wide, the window ${innerWidth} px`);
  for (const image of document.images) {
    if (!image.hasAttribute("alt")) wrong.push(`no alt: ${where(image)}`);
    if (!image.naturalWidth) wrong.push(`not loaded: ${where(image)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) wrong.push(`two elements are ${told(id)}`);
}

// Drawings.
const charts = [];
for (const svg of document.querySelectorAll("svg")) {
  if (svg.ownerSVGElement || svg.matches(".defs") || !svg.checkVisibility()) continue;
  const box = svg.getBoundingClientRect();
  if (box.width < 1 || box.height < 1) wrong.push(`a drawing of no size: ${where(svg)}`);
  const name = svg.getAttribute("aria-label")
    || (svg.getAttribute("aria-labelledby") || "").split(/\s+/).map((id) => (id && document.getElementById(id)?.textContent) || "").join(" ").trim();
  const silent = svg.closest("[aria-hidden=true]");
  if (!silent && !(svg.getAttribute("role") === "img" && name)) wrong.push(`a drawing without a name: ${where(svg)}`);
  let marks = 0;
  for (const shape of svg.querySelectorAll("rect, circle, path, line, polyline, polygon")) {
    if (shape.closest("defs, pattern, clipPath") || !shape.checkVisibility()) continue;
    const style = getComputedStyle(shape);
    const at = shape.getBoundingClientRect();
    const asked = ["width", "height"].map((side) => parseFloat(shape.getAttribute(side) ?? "1"));
    if (shape.tagName === "rect" && asked[0] > 0 && asked[1] > 0 && (at.width <= 0 || at.height <= 0)) {
      wrong.push(`a bar of no size: ${where(shape)}`);
    }
    // A point has the size that it is drawn with; what lies at an edge is half outside.
    const reach = SLACK + (shape.tagName === "circle" ? at.width / 2 : parseFloat(style.strokeWidth) / 2 || 0);
    const out = Math.max(box.left - at.left, at.right - box.right, box.top - at.top, at.bottom - box.bottom);
    if (out > reach) wrong.push(`${out.toFixed(1)} px outside of its drawing: ${where(shape)}`);
    const line = ["line", "polyline"].includes(shape.tagName);
    const paints = [line ? "none" : style.fill, style.stroke].filter((paint) => paint !== "none");
    const shown = paints.some((paint) => paint.startsWith("url(") ? document.querySelector(paint.slice(5, -2)) : colour(paint)[3]);
    if (!shown) wrong.push(`nothing paints ${where(shape)}`);
    if (!shape.hasAttribute("fill") && !line && style.fill === "rgb(0, 0, 0)") wrong.push(`no style for ${where(shape)}`);
    if (shown && !line && at.width > 0 && at.height > 0) marks += 1;
    if (shown && line && !shape.matches(".grid")) marks += 1;
  }
  if (!silent) charts.push([name, marks]);
}

// Texts: each line of each, as it can be seen.
const pieces = [];
const walker = document.createTreeWalker(document.body ?? root, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || element.closest("style, script, title, desc, template") && !element.closest("text")) continue;
  if (element.closest("title, desc") || !element.checkVisibility({ visibilityProperty: true })) continue;
  const style = getComputedStyle(element);
  const range = document.createRange();
  range.selectNodeContents(node);
  const rects = [...range.getClientRects()].filter((rect) => rect.width > 0.5 && rect.height > 0.5);
  if (!rects.length) continue;
  const svg = element.closest("svg");
  for (const rect of rects) {
    const box = clipped(rect, element);
    if (box.right - box.left < 1 || box.bottom - box.top < 1) continue;
    const cut = rect.right - box.right > SLACK || box.left - rect.left > SLACK;
    if (cut && !element.closest("[title]")) wrong.push(`cut off and told nowhere else: ${told(node.data)}, ${where(element)}`);
    if (box.left < -SLACK || box.right > Math.max(innerWidth, isHtml ? 0 : root.getBoundingClientRect().right) + SLACK) {
      wrong.push(`outside of the window: ${told(node.data)}, ${where(element)}`);
    }
    const frame = svg ?? element;
    for (let at = frame; at && at !== root && isHtml; at = at.parentElement) {
      if (!(at instanceof SVGElement) && ["inline", "contents"].includes(getComputedStyle(at).display)) continue;
      const edge = at.getBoundingClientRect();
      if (box.left < edge.left - SLACK || box.right > edge.right + SLACK) {
        wrong.push(`flows over ${where(at)}: ${told(node.data)}`);
        break;
      }
    }
    // Of a line's height the letters fill the middle.
    const lean = (box.bottom - box.top) * 0.22;
    pieces.push({ ...box, top: box.top + lean, bottom: box.bottom - lean, element, text: node.data });
  }
  for (const word of node.data.matchAll(/(?<!\S)[A-Za-z]{2,14}(?!\S)/g)) {
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    const tops = new Set([...range.getClientRects()].filter((rect) => rect.width > 0.5).map((rect) => Math.round(rect.top)));
    if (tops.size > 1 && !element.closest("[title]")) wrong.push(`torn apart: ${told(word[0])}, ${where(element)}`);
  }
  const size = parseFloat(style.fontSize);
  if (size < 10 && !svg?.closest("[aria-hidden=true]")) wrong.push(`letters of ${size} px: ${told(node.data)}, ${where(element)}`);
  if (isHtml) {
    const behind = ground(svg ? svg.parentElement : element);
    const ink = over(colour(svg ? style.fill : style.color), behind);
    const large = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 600);
    const found = contrast(ink, behind);
    if (found < (large ? 3 : 4.5)) wrong.push(`contrast of ${found.toFixed(2)}: ${told(node.data)}, ${where(element)}`);
  }
}
pieces.sort((one, other) => one.top - other.top);
for (let first = 0; first < pieces.length; first += 1) {
  const one = pieces[first];
  for (let second = first + 1; second < pieces.length && pieces[second].top < one.bottom; second += 1) {
    const other = pieces[second];
    const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const high = Math.min(one.bottom, other.bottom) - other.top;
    if (one.element !== other.element && wide > SLACK && high > 0.5) wrong.push(`${told(one.text)} lies on ${told(other.text)}: ${where(one.element)}`);
  }
}

const height = Math.ceil(isHtml ? root.scrollHeight : root.getBoundingClientRect().height);
return { title: document.title, height, charts, wrong: [...new Set(wrong)] };
