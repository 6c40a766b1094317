/** AES-256-GCM with known answers (McGrew and Viega, cases 13, 14 and 16), and everything that must not open. */
import { createCipheriv, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { associatedData, open, seal } from "../../../src/security/vault/sealed-box.ts";

const hex = (text: string): Buffer => Buffer.from(text, "hex");
const none = Buffer.alloc(0);

describe("known answers", () => {
  test.each([
    {
      name: "nothing",
      key: "00".repeat(32),
      nonce: "00".repeat(12),
      associated: "",
      plain: "",
      text: "",
      tag: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    {
      name: "sixteen zeros",
      key: "00".repeat(32),
      nonce: "00".repeat(12),
      associated: "",
      plain: "00".repeat(16),
      text: "cea7403d4d606b6e074ec5d3baf39d18",
      tag: "d0d1c8a799996bf0265b98b5d48ab919",
    },
    {
      name: "with associated data",
      key: "feffe9928665731c6d6a8f9467308308".repeat(2),
      nonce: "cafebabefacedbaddecaf888",
      associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      plain:
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      text: null,
      tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
  ])("$name", ({ key, nonce, associated, plain, text, tag }) => {
    const options = { key: hex(key), associated: hex(associated) };
    const sealed = seal(hex(plain), options, hex(nonce));
    expect(sealed.subarray(-16).toString("hex")).toBe(tag);
    if (text !== null) expect(sealed.subarray(13, -16).toString("hex")).toBe(text);
    expect(open(sealed, options)?.toString("hex")).toBe(plain);
  });
});

describe("what does not open", () => {
  const key = randomBytes(32);
  const associated = associatedData("test", ["a", "b"]);
  const sealed = seal(Buffer.from("secret"), { key, associated });

  test("another key, another place", () => {
    expect(open(sealed, { key, associated })?.toString()).toBe("secret");
    expect(open(sealed, { key: randomBytes(32), associated })).toBeNull();
    expect(open(sealed, { key, associated: associatedData("test", ["ab", ""]) })).toBeNull();
    expect(open(sealed, { key, associated: none })).toBeNull();
  });

  test("any bit that was changed", () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(open(changed, { key, associated })).toBeNull();
    }
  });

  test("anything shorter, and a tag of 4 bytes that would be right", () => {
    for (let length = 0; length < sealed.length; length++)
      expect(open(sealed.subarray(0, length), { key, associated })).toBeNull();
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 4 });
    cipher.setAAD(associated);
    const text = Buffer.concat([cipher.update(Buffer.alloc(64)), cipher.final()]);
    const short = Buffer.concat([Buffer.of(1), nonce, text, cipher.getAuthTag()]);
    expect(open(short, { key, associated })).toBeNull();
  });

  test("two nonces are never the same", () => {
    const nonces = new Set(
      Array.from({ length: 1_000 }, () => seal(none, { key, associated }).toString("hex", 1, 13)),
    );
    expect(nonces.size).toBe(1_000);
  });
});
