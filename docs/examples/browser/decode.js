// Decodes trials of EEG in the page: reads the files, runs the network, draws trial and answer.

const $ = (id) => document.getElementById(id);
const N_TIMED = 50;
const DEMONSTRATION = { model: "demo.onnx", trials: "demo.npy" };

// -- files ----------------------------------------------------------------------------------------

// The text metadata of an ONNX file, by key: field 14 of its protocol buffer, pairs of fields 1, 2.
function readMetadata(bytes) {
  const fields = function* (bytes) {
    let at = 0;
    const varint = () => {
      for (let value = 0, unit = 1; ; unit *= 128) {
        if (at >= bytes.length) throw new Error("The model is no ONNX file, or is cut off.");
        const byte = bytes[at++];
        value += (byte & 127) * unit;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const key = varint(), kind = key % 8;
      const length = kind === 2 ? varint() : { 1: 8, 5: 4 }[kind] ?? (varint(), 0);
      yield [Math.floor(key / 8), bytes.subarray(at, (at += length))];
    }
  };
  const metadata = {};
  for (const [field, pair] of fields(bytes)) {
    if (field !== 14) continue;
    const [key, value] = [...fields(pair)].map(([, text]) => new TextDecoder().decode(text));
    try {
      metadata[key] = JSON.parse(value);
    } catch {
      metadata[key] = value; // of another program's
    }
  }
  if (!metadata.eegsep_version) throw new Error("The model is no ONNX file of eegsep.");
  return metadata;
}

// An array that numpy.save has written: its shape, and its values as float32.
function readArray(buffer) {
  const view = new DataView(buffer), text = new TextDecoder("latin1");
  if (buffer.byteLength < 12 || text.decode(buffer.slice(1, 6)) !== "NUMPY") {
    throw new Error("The trials are no file of numpy.save.");
  }
  const wide = view.getUint8(6) > 1;
  const start = (wide ? 12 : 10) + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = text.decode(buffer.slice(10, start));
  const type = { "<f4": Float32Array, "<f8": Float64Array }[/'descr': '([^']*)'/.exec(header)?.[1]];
  const shape = /'shape': \(([\d, ]*)\)/.exec(header)?.[1].split(",").filter((n) => n.trim()).map(Number);
  if (!type || !shape || /'fortran_order': True/.test(header)) {
    throw new Error("The trials must be float32 or float64, in C order: numpy.ascontiguousarray(X).");
  }
  const size = shape.reduce((a, b) => a * b, 1);
  if (buffer.byteLength - start !== size * type.BYTES_PER_ELEMENT) {
    throw new Error("The trials' file is cut off.");
  }
  return { shape, values: Float32Array.from(new type(buffer.slice(start))) };
}

// Trials of the shape that the model takes, one array for each.
function cutTrials({ shape, values }, { n_chans, n_times }) {
  const [n_trials, ...trial] = shape.length === 2 ? [1, ...shape] : shape;
  if (trial.length !== 2 || trial[0] !== n_chans || trial[1] !== n_times) {
    throw new Error(
      `The trials are of shape (${shape.join(", ")}), but the model takes ` +
      `(n_trials, ${n_chans}, ${n_times}): channels, then times.`);
  }
  const size = n_chans * n_times;
  const trials = Array.from({ length: n_trials }, (_, i) => values.subarray(i * size, (i + 1) * size));
  if (!trials.length || !values.every(Number.isFinite)) {
    throw new Error("There are no trials, or values that are not finite.");
  }
  return trials;
}

// -- the network ----------------------------------------------------------------------------------

const runtime = (async () => {
  const from = new URL(document.querySelector("meta[name=onnxruntime-web]").content, location.href);
  const ort = await import(new URL("ort.wasm.min.mjs", from)).catch(() => {
    throw new Error(`onnxruntime-web cannot be loaded from ${from}: index.html says from where.`);
  });
  ort.env.wasm.wasmPaths = from.href;
  ort.env.wasm.numThreads = 1; // several need a server that isolates the page
  return ort;
})();
runtime.catch(() => {}); // told when first waited for

async function makeDecoder(bytes) {
  const metadata = readMetadata(bytes), ort = await runtime;
  const session = await ort.InferenceSession.create(bytes);
  const decode = async (trial) => {
    const X = new ort.Tensor("float32", trial, [1, metadata.n_chans, metadata.n_times]);
    return (await session.run({ X }, ["probabilities"])).probabilities.data;
  };
  return { metadata, decode };
}

// By how much trials vary, in what those of the fit did: 1 is usual, 1e6 is another unit.
function relativeAmplitude(trials, { scale, n_times }) {
  const ratios = trials.flatMap((trial) => scale.map((usual, channel) => {
    const signal = trial.subarray(channel * n_times, (channel + 1) * n_times);
    const mean = signal.reduce((a, b) => a + b, 0) / n_times;
    return Math.sqrt(signal.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n_times) / usual;
  }));
  return ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)];
}

// -- the page -------------------------------------------------------------------------------------

let decoder, trials = [], shown = 0;

function drawTraces() {
  if (!trials.length) return;
  const { ch_names, n_chans, n_times, sfreq, center, scale } = decoder.metadata;
  const canvas = $("traces"), pen = canvas.getContext("2d"), style = getComputedStyle(document.body);
  const { width, height } = canvas.getBoundingClientRect(), ratio = devicePixelRatio;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  pen.scale(ratio, ratio);
  pen.font = `12px ${style.fontFamily}`;
  pen.textBaseline = "middle";
  const names = Array.from({ length: n_chans }, (_, i) => ch_names?.[i] ?? String(i + 1));
  const left = 8 + Math.max(...names.map((name) => pen.measureText(name).width));
  const row = (height - 20) / n_chans, every = Math.ceil(14 / row);
  const x = (time) => left + (time / Math.max(1, n_times - 1)) * (width - left - 1);
  pen.strokeStyle = style.getPropertyValue("--trace");
  pen.fillStyle = style.getPropertyValue("--soft");
  for (let channel = 0; channel < n_chans; channel++) {
    const middle = row * (channel + 0.5);
    if (channel % every === 0) pen.fillText(names[channel], 0, middle);
    pen.beginPath();
    for (let time = 0; time < n_times; time++) {
      const value = (trials[shown][channel * n_times + time] - center[channel]) / scale[channel];
      pen.lineTo(x(time), middle - (Math.max(-4, Math.min(4, value)) * row) / 5);
    }
    pen.stroke();
  }
  const seconds = sfreq ? (n_times - 1) / sfreq : n_times - 1, unit = sfreq ? " s" : " samples";
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => seconds / s <= 5) ?? 1000;
  for (let tick = 0; tick <= seconds; tick += step) {
    const text = Number(tick.toFixed(1)) + (tick === 0 ? unit : "");
    pen.textAlign = tick === 0 ? "left" : x((tick / seconds) * (n_times - 1)) > width - 12 ? "right" : "center";
    pen.fillText(text, x((tick / seconds) * (n_times - 1)), height - 8);
  }
  pen.textAlign = "left";
}

function drawProbabilities(probabilities) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  $("probabilities").replaceChildren(...decoder.metadata.classes.map((label, i) => {
    const item = document.createElement("li"), name = document.createElement("span");
    const value = document.createElement("data"), bar = document.createElement("div");
    item.classList.toggle("best", i === best);
    name.textContent = String(label).replaceAll("_", " ");
    value.value = probabilities[i];
    value.textContent = `${(100 * probabilities[i]).toFixed(1)} %`;
    bar.className = "bar";
    bar.append(document.createElement("span"));
    bar.firstChild.style.width = value.textContent.replace(" ", "");
    item.append(name, value, bar);
    return item;
  }));
}

async function show(number) {
  shown = number;
  $("trial").textContent = `Trial ${shown + 1} of ${trials.length}`;
  $("previous").disabled = shown === 0;
  $("next").disabled = shown === trials.length - 1;
  drawTraces();
  const trial = trials[shown];
  drawProbabilities(await decoder.decode(trial));
  const start = performance.now();
  for (let i = 0; i < N_TIMED; i++) await decoder.decode(trial);
  const each = (performance.now() - start) / N_TIMED;
  $("time").textContent = `${each.toFixed(2)} ms to decode a trial here (mean of ${N_TIMED}).`;
}

function describe({ classes, ch_names, n_chans, n_times, sfreq, eegsep_version }, model, file) {
  const window = sfreq ? `${Number((n_times / sfreq).toFixed(3))} s at ${sfreq} Hz` : `${n_times} samples`;
  const channels = ch_names ? `${n_chans} channels (${ch_names.join(", ")})` : `${n_chans} channels`;
  const trials = file === DEMONSTRATION.trials ? "simulated motor imagery" : file;
  return `${model}, of eegsep ${eegsep_version}: ${classes.length} classes, ${channels}, ${window}. ` +
    `Trials: ${trials}.`;
}

// Take a model and trials, each an ArrayBuffer with a name, and show the first trial.
async function open(model, array) {
  $("warning").textContent = "";
  try {
    decoder = await makeDecoder(new Uint8Array(model.buffer));
    $("about").textContent = describe(decoder.metadata, model.name, array.name);
    trials = cutTrials(readArray(array.buffer), decoder.metadata);
    const ratio = relativeAmplitude(trials, decoder.metadata);
    if (ratio > 0 && (ratio > 10 || ratio < 0.1)) {
      $("warning").textContent =
        `The trials vary ${ratio.toPrecision(1)} times as much as those of the fit: are they in another unit?`;
    }
    await show(0);
  } catch (error) {
    trials = [];
    for (const id of ["probabilities", "time"]) $(id).replaceChildren();
    $("trial").textContent = "Trial";
    $("previous").disabled = $("next").disabled = true;
    $("traces").width = $("traces").width; // empties it
    $("warning").textContent = error.message;
  }
}

const given = {};

async function fetched(file) {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file} cannot be loaded (${answer.status}).`);
  return { name: file, buffer: await answer.arrayBuffer() };
}

for (const what of ["model", "trials"]) {
  $(`${what}-file`).addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    if (!file) return;
    given[what] = { name: file.name, buffer: await file.arrayBuffer() };
    if (given.model && given.trials) await open(given.model, given.trials);
  });
}
$("previous").addEventListener("click", () => show(shown - 1));
$("next").addEventListener("click", () => show(shown + 1));
addEventListener("resize", drawTraces);

const asked = new URLSearchParams(location.search);
try {
  for (const [what, file] of Object.entries(DEMONSTRATION)) {
    given[what] = await fetched(asked.get(what) ?? file);
  }
  await open(given.model, given.trials);
} catch (error) {
  $("about").textContent = "Choose a model and trials.";
  $("warning").textContent = error.message;
}
