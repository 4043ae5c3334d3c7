package ingest

import (
	"strings"

	"golang.org/x/text/language"
)

// languages are names of languages as lists have them instead of tags, in lower case.
var languages = func() map[string]string {
	m := map[string]string{}
	for tag, names := range map[string]string{
		"en": "english,englisch,anglais,inglés,inglese,inglês,engels,angielski,ingilizce,английский,英語",
		"de": "german,deutsch,allemand,alemán,tedesco,alemão,duits,niemiecki,almanca,немецкий,ドイツ語",
		"fr": "french,französisch,français,francés,francese,francês,frans,francuski,fransızca,французский,フランス語",
		"es": "spanish,spanisch,espagnol,español,castellano,spagnolo,espanhol,spaans,hiszpański,ispanyolca,испанский,スペイン語",
		"it": "italian,italienisch,italien,italiano,italiaans,włoski,italyanca,итальянский,イタリア語",
		"pt": "portuguese,portugiesisch,portugais,portugués,portoghese,português,portugees,portugalski,portekizce,португальский,ポルトガル語",
		"nl": "dutch,niederländisch,néerlandais,neerlandés,olandese,holandês,nederlands,niderlandzki,felemenkçe,нидерландский,オランダ語",
		"pl": "polish,polnisch,polonais,polaco,polacco,polonês,pools,polski,lehçe,польский,ポーランド語",
		"tr": "turkish,türkisch,turc,turco,turks,turecki,türkçe,турецкий,トルコ語",
		"ru": "russian,russisch,russe,ruso,russo,rosyjski,rusça,русский,ロシア語",
		"ja": "japanese,japanisch,japonais,japonés,giapponese,japonês,japans,japoński,japonca,японский,日本語",
	} {
		for _, name := range strings.Split(names, ",") {
			m[name] = tag
		}
	}
	return m
}()

// knownLanguage is the tag of what a list says about a language: a tag with more behind
// it, such as de_DE_formal and de_DE.UTF-8, or the name of a language.
func knownLanguage(l string) (tag string, ok bool) {
	l, _, _ = strings.Cut(l, ".")
	l, _, _ = strings.Cut(l, "@")
	first, _, _ := strings.Cut(l, ",") // en-US,en;q=0.9
	first, _, _ = strings.Cut(first, ";")
	name, _, _ := strings.Cut(first, "(")
	if tag, ok = languages[strings.ToLower(strings.TrimSpace(name))]; ok {
		return tag, true
	}
	parts := strings.FieldsFunc(first, func(r rune) bool { return r == '_' || r == '-' })
	for n := len(parts); n > 0; n-- {
		t, err := language.Parse(strings.Join(parts[:n], "-"))
		if base, sure := t.Base(); err == nil && sure != language.No && len(base.String()) == 2 {
			return t.String(), true
		}
	}
	return "", false
}
