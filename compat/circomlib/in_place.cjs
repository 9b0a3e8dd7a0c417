// Loaded before the tests: the package circom_tester is circuit.cjs.

"use strict";

const Module = require("node:module");
const path = require("node:path");

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return request === "circom_tester" ? path.join(__dirname, "circuit.cjs") : resolve.call(this, request, ...rest);
};
