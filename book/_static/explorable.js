// A figure with a slider. Its frames were drawn when the book was built (rnn_src.figures.explorable)
// and lie beside it; moving the slider puts the parts that differ into the drawing.
document.querySelectorAll(".explorable").forEach((box) => {
  const frames = JSON.parse(box.querySelector("script").textContent);
  const slider = box.querySelector("input");
  const show = () => {
    const { says, parts } = frames[slider.value];
    for (const [id, inner] of Object.entries(parts)) {
      document.getElementById(id).innerHTML = inner;
    }
    box.querySelector("svg").setAttribute("aria-label", says);
    box.querySelector(".explorable-says").textContent = says;
    slider.setAttribute("aria-valuetext", says);
  };
  slider.addEventListener("input", show);
  box.querySelector(".explorable-control").hidden = false;
  show(); // a browser may have kept the slider's place
});
