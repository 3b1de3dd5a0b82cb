// Plays the drives of a family from above. All data is in the page; nothing is loaded.
(() => {
  const ROAD = "#545861", LAND = "#dfe5d6", ISLAND = "#c7d4ba", PAINT = "#f0f1ee", EGO = "#ff7026", OTHER = "#9fb4d8";
  const SCALE = 0.62;  // pixels of the drawing to a decimetre

  const outline = (g, points) => {
    g.beginPath();
    for (let i = 0; i < points.length; i += 2) g.lineTo(points[i], -points[i + 1]);
  };
  const fill = (g, shapes, colour) => {
    g.fillStyle = colour;
    for (const points of shapes) { outline(g, points); g.closePath(); g.fill(); }
  };
  const car = (g, x, y, yaw, length, width, colour) => {
    g.save(); g.translate(x, -y); g.rotate(-yaw);
    g.fillStyle = colour; g.fillRect(-length / 2, -width / 2, length, width);
    g.fillStyle = "rgba(255,255,255,.55)"; g.fillRect(length * 0.12, -width * 0.38, length * 0.16, width * 0.76);
    g.restore();
  };
  const mix = (a, b, share) => a + (b - a) * share;

  function player(root) {
    const drives = JSON.parse(root.querySelector("script").textContent);
    const canvas = root.querySelector("canvas"), g = canvas.getContext("2d");
    const button = root.querySelector(".play"), slider = root.querySelector("input");
    const told = root.querySelector(".told"), caption = root.querySelector("figcaption span");
    const picks = [...root.querySelectorAll(".pick button")];
    let drive = drives[0], time = 0, playing = false, before = 0;
    const frames = () => drive.ego.length / 4;
    const length = () => (frames() - 1) * drive.step;

    function draw() {
      const place = Math.min(time / drive.step, frames() - 1);
      const i = Math.min(Math.floor(place), Math.max(frames() - 2, 0)), share = place - i;
      const j = Math.min(i + 1, frames() - 1);
      const ego = k => mix(drive.ego[4 * i + k], drive.ego[4 * j + k], share);
      g.setTransform(1, 0, 0, 1, 0, 0);
      g.fillStyle = LAND; g.fillRect(0, 0, canvas.width, canvas.height);
      g.translate(canvas.width / 2, canvas.height / 2); g.scale(SCALE, SCALE);
      g.rotate(ego(2) / 100); g.translate(-ego(0) - 180 * Math.cos(ego(2) / 100), ego(1) + 180 * Math.sin(ego(2) / 100));
      fill(g, drive.asphalt, ROAD); fill(g, drive.island, ISLAND);
      g.strokeStyle = PAINT; g.lineWidth = 2;
      for (const points of drive.line) { outline(g, points); g.stroke(); }
      g.strokeStyle = EGO; g.lineWidth = 2.5; g.setLineDash([8, 8]); g.beginPath();
      for (let k = 0; k <= i; k++) g.lineTo(drive.ego[4 * k], -drive.ego[4 * k + 1]);
      g.stroke(); g.setLineDash([]);
      const now = drive.others[i], next = drive.others[j];
      for (let k = 0; k < now.length / 3; k++) {
        const at = n => mix(now[3 * k + n], next[3 * k + n], share);
        car(g, at(0), at(1), at(2) / 100, drive.sizes[2 * k], drive.sizes[2 * k + 1], OTHER);
      }
      car(g, ego(0), ego(1), ego(2) / 100, drive.size[0], drive.size[1], EGO);
      const command = drive.commands.filter(entry => entry[0] <= i).pop()[1];
      told.textContent = `${time.toFixed(1)} s · ${(ego(3) / 10).toFixed(1)} m/s · “${command}”`;
      slider.value = time; root.dataset.time = time.toFixed(1);
    }
    function run(now) {
      if (!playing) return;
      // A frame may bear an older time than the click that began it.
      time = Math.min(time + Math.min(Math.max(now - before, 0) / 1000, 0.1), length()); before = now;
      draw();
      if (time >= length()) return set(false);
      requestAnimationFrame(run);
    }
    function set(on) {
      playing = on; button.textContent = on ? "Pause" : "Play";
      if (!on) return;
      if (time >= length()) time = 0;
      before = performance.now(); requestAnimationFrame(run);
    }
    function choose(index) {
      drive = drives[index]; time = 0; slider.max = length();
      picks.forEach((pick, k) => pick.setAttribute("aria-pressed", k === index));
      caption.textContent = drive.caption; draw();
    }
    button.addEventListener("click", () => set(!playing));
    slider.addEventListener("input", () => { set(false); time = Number(slider.value); draw(); });
    picks.forEach((pick, index) => pick.addEventListener("click", () => { choose(index); set(true); }));
    choose(0);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      const seen = new IntersectionObserver(entries => {
        if (entries.some(entry => entry.isIntersecting)) { seen.disconnect(); set(true); }
      }, { threshold: 0.6 });
      seen.observe(canvas);
    }
  }
  document.querySelectorAll(".replay").forEach(player);
})();
