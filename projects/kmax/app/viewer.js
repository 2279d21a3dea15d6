// The body of a function that Gradio calls with `element`, `props` and `watch`.
// Whatever needs no network runs here: views, layers, opacity, classes, comparison, names.
const state = {
  image: null, width: 0, height: 0, names: [], models: [],
  view: 'panoptic', layer: 1, opacity: 0.6, split: 50, hidden: new Set(),
};
const find = (selector) => element.querySelector(selector);

function expand(overlay) {
  const ids = new Uint16Array(state.width * state.height);
  for (let run = 0, at = 0; run < overlay.runs.length; run += 2) {
    ids.fill(overlay.runs[run], at, at + overlay.runs[run + 1]);
    at += overlay.runs[run + 1];
  }
  return { ids, entries: overlay.entries, stride: overlay.stride };
}

function overlayOf(model) {
  if (state.view !== 'clusters') return model[state.view];
  return model.clusters[Math.min(state.layer, model.clusters.length) - 1];
}

// The colours of an overlay's numbers; those without one are not painted.
function colorsOf(overlay) {
  const colors = [];
  for (const [id, entry] of Object.entries(overlay.entries)) {
    const off = state.view !== 'clusters' && state.hidden.has(entry.label);
    if (!off) colors[id] = entry.color;
  }
  return colors;
}

function paint(pixels, overlay, first, last) {
  const { ids } = overlay, { width, height, opacity } = state, { data } = pixels;
  const colors = colorsOf(overlay), contours = state.view !== 'clusters' && opacity > 0;
  const thick = Math.max(1, Math.round(Math.min(width, height) / 600));
  for (let y = 0; y < height; y++) {
    for (let x = first; x < last; x++) {
      const at = y * width + x, color = colors[ids[at]];
      if (!color) continue;
      const right = at + Math.min(thick, width - 1 - x);
      const below = at + width * Math.min(thick, height - 1 - y);
      if (state.view === 'clusters') grey(data, 4 * at);
      const edge = contours && (ids[right] !== ids[at] || ids[below] !== ids[at]);
      for (let channel = 0; channel < 3; channel++) {
        const value = edge ? 255 : color[channel], byte = 4 * at + channel;
        data[byte] = data[byte] + (value - data[byte]) * (edge ? Math.max(opacity, 0.5) : opacity);
      }
    }
  }
}

// Under clusters, whose colours would mix with those of the image.
function grey(data, byte) {
  const level = 0.299 * data[byte] + 0.587 * data[byte + 1] + 0.114 * data[byte + 2];
  data.fill(level, byte, byte + 3);
}

function boundary() {
  return state.models.length < 2 ? state.width : Math.round((state.width * state.split) / 100);
}

function draw() {
  if (!state.image || !state.models.length) return;
  const canvas = find('canvas'), context = canvas.getContext('2d', { willReadFrequently: true });
  canvas.width = state.width;
  canvas.height = state.height;
  const most = (68 * state.width) / state.height;
  find('.stage').style.width = `min(100%, ${most}vh)`;
  context.drawImage(state.image, 0, 0, state.width, state.height);
  const pixels = context.getImageData(0, 0, state.width, state.height), edge = boundary();
  paint(pixels, overlayOf(state.models[0]), 0, edge);
  if (state.models.length > 1) paint(pixels, overlayOf(state.models[1]), edge, state.width);
  context.putImageData(pixels, 0, 0);
  if (edge > 0 && edge < state.width) {
    context.fillStyle = '#fff';
    context.fillRect(edge - 1, 0, 3, state.height);
  }
  element.classList.add('filled');
  nameModels();
  list();
}

function nameModels() {
  const compared = state.models.length > 1;
  find('.left').textContent = compared ? state.names[0] : '';
  find('.right').textContent = compared ? state.names[1] : '';
}

// What is in the picture, in words: for touch screens, keyboards and screen readers.
function list() {
  const legend = find('.legend');
  legend.replaceChildren();
  const overlay = overlayOf(state.models[0]);
  if (state.view === 'clusters') {
    const count = Object.keys(overlay.entries).length;
    const layers = state.models[0].clusters.length;
    legend.textContent = `Decoder layer ${Math.min(state.layer, layers)} of ${layers}, ` +
      `stride ${overlay.stride}: each pixel goes to one of ${count} clusters.`;
    return;
  }
  for (const entry of Object.values(overlay.entries)) {
    if (state.hidden.has(entry.label)) continue;
    const item = document.createElement('li'), dot = document.createElement('span');
    dot.style.background = `rgb(${entry.color})`;
    const text = document.createElement('small');
    text.textContent = ` ${entry.text}`;
    item.append(dot, entry.label, text);
    legend.append(item);
  }
  if (!legend.childElementCount) legend.textContent = 'No segment passes the thresholds.';
}

function point(event) {
  const tip = find('.tip'), box = find('canvas').getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * state.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * state.height);
  const inside = x >= 0 && y >= 0 && x < state.width && y < state.height;
  const model = state.models[x < boundary() ? 0 : 1];
  const overlay = inside && model && overlayOf(model);
  const entry = overlay && overlay.entries[overlay.ids[y * state.width + x]];
  const off = entry && state.view !== 'clusters' && state.hidden.has(entry.label);
  tip.hidden = !entry || off;
  if (tip.hidden) return;
  tip.textContent = `${entry.label}\n${entry.text}`;
  const left = event.clientX - box.left, right = box.width - left;
  tip.style.left = left < right ? `${left + 12}px` : 'auto';
  tip.style.right = left < right ? 'auto' : `${right + 12}px`;
  tip.style.top = `${Math.max(0, event.clientY - box.top - 8)}px`;
}

async function receive() {
  const value = props.value;
  if (!value) return;
  if (value.image) {
    const image = new Image();
    image.src = value.image;
    await image.decode();
    const { width, height, names } = value;
    Object.assign(state, { image, width, height, names, hidden: new Set(), models: [] });
    value.clusters.forEach((layers) => state.models.push({ clusters: layers.map(expand) }));
  }
  value.views.forEach((views, index) => {
    for (const [name, overlay] of Object.entries(views)) {
      state.models[index][name] = expand(overlay);
    }
  });
  draw();
}

// Called by the controls of the page.
window.kmaxShow = (view, layer, opacity, split) => {
  Object.assign(state, { view, layer, opacity, split });
  draw();
};
window.kmaxSwitch = (checked) => {
  const labels = state.models.flatMap((model) => Object.values(model.panoptic.entries));
  for (const { label } of labels) {
    if (checked.includes(label)) state.hidden.delete(label);
    else state.hidden.add(label);
  }
  draw();
};
find('.stage').addEventListener('pointermove', point);
find('.stage').addEventListener('pointerdown', point);
find('.stage').addEventListener('pointerleave', () => { find('.tip').hidden = true; });
watch('value', receive);
receive();
