package dialect

// sangoma is Sangoma's S series (S300, S500, S700): Hteks with another name on them, down to the P values (templates of
// FusionPBX, Tancredi).
var sangoma = &vendor{name: "sangoma", like: htek}
