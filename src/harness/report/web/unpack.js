"use strict";
// What a large page holds as base 64 of gzip.

async function unpacked(id) {
  const letters = atob(document.getElementById(id).textContent.trim()), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
