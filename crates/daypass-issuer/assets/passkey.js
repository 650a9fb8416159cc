// Passkeys (WebAuthn Level 3): the one thing on these pages that a browser offers to scripts only.
//
// A form with `data-passkey` is hidden until this script shows it. Sending it first asks the authenticator, puts the
// answer into the form's hidden fields as base64url, and then sends the form like any other: nothing is fetched.
"use strict";

(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) {
    return;
  }

  const bytes = (text) => {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(binary, (char) => char.charCodeAt(0));
  };

  const text = (buffer) => {
    const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
    return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };

  const use = async (data) => {
    const credential = await navigator.credentials.get({
      publicKey: {
        challenge: bytes(data.challenge),
        rpId: data.rpId,
        userVerification: "required",
        timeout: 240_000,
      },
    });
    const { response } = credential;
    return {
      credential: text(credential.rawId),
      client_data: text(response.clientDataJSON),
      authenticator_data: text(response.authenticatorData),
      signature: text(response.signature),
      user_handle: response.userHandle ? text(response.userHandle) : "",
    };
  };

  const make = async (data) => {
    const credential = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(data.challenge),
        rp: { id: data.rpId, name: data.rpName },
        user: { id: bytes(data.userId), name: data.userName, displayName: data.userLabel },
        // ES256, EdDSA, RS256: whatever the authenticator has, in the order we like.
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
        attestation: "none",
        timeout: 240_000,
      },
    });
    return {
      client_data: text(credential.response.clientDataJSON),
      attestation: text(credential.response.attestationObject),
    };
  };

  const explain = (error) => {
    switch (error.name) {
      case "InvalidStateError":
        return "This device already has a passkey for this account.";
      case "NotSupportedError":
        return "This device cannot make a passkey that this server accepts.";
      case "SecurityError":
        return "The browser does not allow passkeys at this address.";
      default:
        return "No passkey was used. Try again, or sign in another way.";
    }
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("button");
    const told = form.querySelector("[role=alert]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      told.textContent = "";
      told.hidden = true;
      try {
        const answer = await (form.dataset.passkey === "make" ? make(form.dataset) : use(form.dataset));
        for (const [name, value] of Object.entries(answer)) {
          form.elements[name].value = value;
        }
        // Not `requestSubmit`: this must not come back here.
        form.submit();
      } catch (error) {
        told.textContent = explain(error);
        told.hidden = false;
        button.disabled = false;
        button.focus();
      }
    });
    form.hidden = false;
  }

  for (const element of document.querySelectorAll("[data-with-passkey]")) {
    element.hidden = false;
  }
})();
