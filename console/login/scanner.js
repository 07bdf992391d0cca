// Reads a QR code from the camera.
//
// Owns the camera while it looks, and gives it back on `stop`, on success and on a fault. Knows nothing of what the
// code says. Pictures never leave the page.

import "../vendor/jsqr/jsQR.js";

const LONG_SIDE = 640;

/**
 * @param {HTMLVideoElement} video  shows what the camera sees
 * @param {(text: string) => boolean} found  whether this was what was looked for; else it looks on
 * @returns {Promise<() => void>} stop. Rejects with the browser's DOMException when there is no camera or no leave.
 */
export async function scan(video, found) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  video.srcObject = stream;
  try {
    await video.play();
  } catch (fault) {
    stop();
    throw fault;
  }
  look(video, (text) => {
    const enough = found(text);
    if (enough) stop();
    return enough;
  });
  return stop;
}

function look(video, found) {
  const canvas = document.createElement("canvas");
  const picture = canvas.getContext("2d", { willReadFrequently: true });
  const step = () => {
    if (!video.isConnected || !video.srcObject?.active) return;
    const text = read(video, canvas, picture);
    if (text === null || !found(text)) requestAnimationFrame(step);
  };
  step();
}

/** @returns {string | null} */
function read(video, canvas, picture) {
  const scale = LONG_SIDE / Math.max(video.videoWidth, video.videoHeight);
  if (!Number.isFinite(scale)) return null; // no picture yet
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  picture.drawImage(video, 0, 0, canvas.width, canvas.height);
  const { data, width, height } = picture.getImageData(0, 0, canvas.width, canvas.height);
  return globalThis.jsQR(data, width, height)?.data || null;
}
